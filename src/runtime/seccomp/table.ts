/**
 * The default syscall policy as data: what an ordinary container may call, grouped by what the calls are about, and
 * what only a capability opens. Whatever is not named here fails with EPERM (clone3: ENOSYS, so that C libraries fall
 * back to clone, whose flags a filter can read). The policy decides what Docker's decides; the reasons beside the
 * groups are taken from the manual pages in section 2.
 */

/** Calls every container may make, on every architecture that has them. */
export const allowedAlways: Readonly<Record<string, string>> = {
  /* Files by path or by directory descriptor, old and new forms. */
  paths: `access faccessat faccessat2 chdir fchdir chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat
    lchown lchown32 creat open openat openat2 getcwd link linkat mkdir mkdirat mknod mknodat readlink readlinkat rename
    renameat renameat2 rmdir symlink symlinkat unlink unlinkat truncate truncate64 umask name_to_handle_at
    stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat oldfstat oldlstat oldstat statx statfs statfs64 fstatfs
    fstatfs64 statmount listmount getdents getdents64 readdir utime utimes futimesat utimensat utimensat_time64
    file_getattr file_setattr`,
  /* Extended attributes. */
  attributes: `getxattr getxattrat lgetxattr fgetxattr setxattr setxattrat lsetxattr fsetxattr listxattr listxattrat
    llistxattr flistxattr removexattr removexattrat lremovexattr fremovexattr`,
  /* Bytes in and out of descriptors. */
  io: `read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek sendfile sendfile64 splice
    tee vmsplice copy_file_range readahead fadvise64 fadvise64_64 fallocate ftruncate ftruncate64 fsync fdatasync sync
    syncfs sync_file_range sync_file_range2 close close_range dup dup2 dup3 fcntl fcntl64 flock ioctl pipe pipe2
    cachestat`,
  asynchronous: "io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit",
  /* Waiting for many descriptors, and descriptors that are events. */
  readiness: `poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl
    epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 inotify_add_watch inotify_init inotify_init1
    inotify_rm_watch fanotify_mark`,
  sockets: `accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg
    recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair`,
  memory: `brk mmap mmap2 munmap mremap mprotect msync madvise mincore mlock mlock2 mlockall munlock munlockall
    remap_file_pages membarrier memfd_create memfd_secret mseal map_shadow_stack pkey_alloc pkey_free pkey_mprotect
    process_mrelease`,
  processes: `fork vfork execve execveat exit exit_group wait4 waitid waitpid getpid getppid getpgid getpgrp getsid
    setpgid setsid gettid kill tkill tgkill pidfd_open pidfd_send_signal prctl arch_prctl capget capset set_tid_address
    set_thread_area get_thread_area get_robust_list set_robust_list rseq seccomp restart_syscall uname sysinfo times
    getcpu getrandom`,
  identities: `getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid
    getresgid32 getgroups getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid
    setresuid32 setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32`,
  limits: `getrlimit ugetrlimit setrlimit prlimit64 getrusage getpriority setpriority ioprio_get ioprio_set
    sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield`,
  signals: `alarm pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
    rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaction signal sigpending sigprocmask sigreturn
    sigsuspend sigaltstack getitimer setitimer`,
  /* Reading clocks and sleeping; setting them needs CAP_SYS_TIME below. */
  time: `adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete timer_getoverrun
    timer_gettime timer_gettime64 timer_settime timer_settime64`,
  /* Locks between threads and processes. */
  synchronisation: "futex futex_time64 futex_requeue futex_wait futex_waitv futex_wake",
  /* System V and POSIX queues, semaphores and shared memory: namespaced. */
  ipc: `ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
    mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink`,
  /* A process restricting itself further. */
  sandboxing: `landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules`,
  /* Tracing and reading one's own children: safe since ptrace no longer bypasses seccomp (Linux 4.8). */
  tracing: "ptrace process_vm_readv process_vm_writev",
};

/** Calls that only some machines have, by Node's word for the machine. */
export const allowedOn: Readonly<Record<string, string>> = {
  x64: "modify_ldt uretprobe",
  arm64: "arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls",
  riscv64: "riscv_flush_icache riscv_hwprobe",
};

/** Calls that a capability of the container opens; the kernel still checks that the caller has it. */
export const allowedWith: Readonly<Record<string, string>> = {
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_set_self_attr mount
    mount_setattr move_mount open_tree open_tree_attr perf_event_open quotactl quotactl_fd setdomainname sethostname
    setns syslog umount umount2 unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYSLOG: "syslog",
  CAP_BPF: "bpf",
  CAP_PERFMON: "perf_event_open",
};

/** Every CLONE_NEW* flag of clone(2) but CLONE_NEWTIME, which shares its bit with the exit signal there. */
export const cloneNamespaceFlags = 0x7e020000;

/** Execution domains that personality(2) may set: Linux, PER_LINUX32, UNAME26 with both, and the query. */
export const personalities: readonly number[] = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff];

/**
 * Socket families up to AF_MCTP, without AF_ALG (38: kernel crypto, CVE-2026-31431) and AF_VSOCK (40: not namespaced,
 * reaches the hypervisor). Families are compared as whole 64-bit registers, so that high bits, which the kernel
 * ignores, cannot carry a forbidden one past the filter.
 */
export const socketFamilies: { readonly below: number; readonly equal: readonly number[] } = {
  below: 38,
  equal: [39, 41, 42, 43, 44, 45],
};

/**
 * Numbers of calls that an installed libseccomp may be too old to name. From 424 on every architecture uses the same
 * numbers (arch/.../syscall.tbl of the kernel).
 */
export const recentSyscalls: Readonly<Record<string, number>> = {
  process_madvise: 440,
  epoll_pwait2: 441,
  mount_setattr: 442,
  quotactl_fd: 443,
  landlock_create_ruleset: 444,
  landlock_add_rule: 445,
  landlock_restrict_self: 446,
  memfd_secret: 447,
  process_mrelease: 448,
  futex_waitv: 449,
  set_mempolicy_home_node: 450,
  cachestat: 451,
  fchmodat2: 452,
  map_shadow_stack: 453,
  futex_wake: 454,
  futex_wait: 455,
  futex_requeue: 456,
  statmount: 457,
  listmount: 458,
  lsm_get_self_attr: 459,
  lsm_set_self_attr: 460,
  lsm_list_modules: 461,
  mseal: 462,
  setxattrat: 463,
  getxattrat: 464,
  listxattrat: 465,
  removexattrat: 466,
  open_tree_attr: 467,
  file_getattr: 468,
  file_setattr: 469,
};

/** As {@link recentSyscalls}, of one architecture alone: `uretprobe` is how the kernel itself leaves a probed function. */
export const recentSyscallsOn: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  SCMP_ARCH_X86_64: { uretprobe: 335 },
};
