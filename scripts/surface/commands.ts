/**
 * Docker's command line, as `docker` 28.5, buildx 0.29 and compose 2.40 have it: each command with its long flags, a short one
 * behind a colon. Plain facts: no status here. The first name is the one that help shows.
 */
export interface DockerCommand {
  readonly names: readonly string[];
  readonly flags: readonly { readonly name: string; readonly short?: string }[];
}

const command = (names: string, flags = ""): DockerCommand => ({
  names: names.split("; "),
  flags: flags.split(/\s+/).flatMap((word) => {
    const [name = "", short] = word.split(":");
    return name === "" ? [] : [{ name, ...(short !== undefined && { short }) }];
  }),
});

export const dockerCommands: readonly DockerCommand[] = [
  command("docker", "config context:c debug:D host:H log-level:l tls tlscacert tlscert tlskey tlsverify version:v"),
  command(
    "run; container run",
    `add-host annotation attach:a blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile
    cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares:c cpus cpuset-cpus cpuset-mems detach:d
    detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops
    disable-content-trust dns dns-option dns-search domainname entrypoint env:e env-file expose gpus group-add
    health-cmd health-interval health-retries health-start-interval health-start-period health-timeout hostname:h
    init interactive:i ip ip6 ipc isolation kernel-memory label:l label-file link link-local-ip log-driver log-opt
    mac-address memory:m memory-reservation memory-swap memory-swappiness mount name network network-alias
    no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged publish:p publish-all:P pull
    quiet:q read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout storage-opt
    sysctl tmpfs tty:t ulimit use-api-socket user:u userns uts volume:v volume-driver volumes-from workdir:w`,
  ),
  command(
    "create; container create",
    `add-host annotation attach:a blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent cgroupns cidfile
    cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares:c cpus cpuset-cpus cpuset-mems device
    device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops disable-content-trust
    dns dns-option dns-search domainname entrypoint env:e env-file expose gpus group-add health-cmd
    health-interval health-retries health-start-interval health-start-period health-timeout hostname:h init
    interactive:i ip ip6 ipc isolation kernel-memory label:l label-file link link-local-ip log-driver log-opt
    mac-address memory:m memory-reservation memory-swap memory-swappiness mount name network network-alias
    no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged publish:p publish-all:P pull
    quiet:q read-only restart rm runtime security-opt shm-size stop-signal stop-timeout storage-opt sysctl tmpfs
    tty:t ulimit use-api-socket user:u userns uts volume:v volume-driver volumes-from workdir:w`,
  ),
  command("start; container start", "attach:a detach-keys interactive:i"),
  command("stop; container stop", "signal:s timeout:t"),
  command("restart; container restart", "signal:s timeout:t"),
  command("kill; container kill", "signal:s"),
  command("rm; container rm; container remove", "force:f link:l volumes:v"),
  command("pause; container pause"),
  command("unpause; container unpause"),
  command("wait; container wait"),
  command("attach; container attach", "detach-keys no-stdin sig-proxy"),
  command(
    "exec; container exec",
    `detach:d detach-keys env:e env-file interactive:i privileged tty:t user:u workdir:w`,
  ),
  command("logs; container logs", "details follow:f since tail:n timestamps:t until"),
  command(
    "ps; container ls; container list; container ps",
    `all:a filter:f format last:n latest:l no-trunc quiet:q size:s`,
  ),
  command("inspect", "format:f size:s type"),
  command("container inspect", "format:f size:s"),
  command("top; container top"),
  command("stats; container stats", "all:a format no-stream no-trunc"),
  command("port; container port"),
  command("rename; container rename"),
  command(
    "update; container update",
    `blkio-weight cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares:c cpus cpuset-cpus cpuset-mems
    memory:m memory-reservation memory-swap pids-limit restart`,
  ),
  command("diff; container diff"),
  command("cp; container cp", "archive:a follow-link:L quiet:q"),
  command("export; container export", "output:o"),
  command("commit; container commit", "author:a change:c message:m pause:p"),
  command("container prune", "filter force:f"),
  command(
    "build; builder build; image build; buildx b",
    `add-host allow annotation attest build-arg build-context builder cache-from cache-to call cgroup-parent check
    debug:D file:f iidfile label load metadata-file network no-cache no-cache-filter output:o platform progress
    provenance pull push quiet:q sbom secret shm-size ssh tag:t target ulimit`,
  ),
  command("images; image ls; image list", "all:a digests filter:f format no-trunc quiet:q tree"),
  command("history; image history", "format human:H no-trunc platform quiet:q"),
  command("import; image import", "change:c message:m platform"),
  command("image inspect", "format:f platform"),
  command("load; image load", "input:i platform quiet:q"),
  command("save; image save", "output:o platform"),
  command("image prune", "all:a filter force:f"),
  command("pull; image pull", "all-tags:a disable-content-trust platform quiet:q"),
  command("push; image push", "all-tags:a disable-content-trust platform quiet:q"),
  command("rmi; image rm; image remove", "force:f no-prune platform"),
  command("tag; image tag"),
  command("search", "filter:f format limit no-trunc"),
  command("login", "password:p password-stdin username:u"),
  command("logout"),
  command("info; system info", "format:f"),
  command("version", "format:f"),
  command("system df", "format verbose:v"),
  command("system prune", "all:a filter force:f volumes"),
  command("events; system events", "filter:f format since until"),
  command("system dial-stdio"),
  command("network connect", "alias driver-opt gw-priority ip ip6 link link-local-ip"),
  command(
    "network create",
    `attachable aux-address config-from config-only driver:d gateway ingress internal ip-range ipam-driver ipam-opt
    ipv4 ipv6 label opt:o scope subnet`,
  ),
  command("network disconnect", "force:f"),
  command("network inspect", "format:f verbose:v"),
  command("network ls; network list", "filter:f format no-trunc quiet:q"),
  command("network prune", "filter force:f"),
  command("network rm; network remove", "force:f"),
  command("volume create", "driver:d label opt:o"),
  command("volume inspect", "format:f"),
  command("volume ls; volume list", "filter:f format quiet:q"),
  command("volume prune", "all:a filter force:f"),
  command("volume rm; volume remove", "force:f"),
  command("volume update", "availability"),
  command("context create", "description docker from"),
  command("context export"),
  command("context import"),
  command("context inspect", "format:f"),
  command("context ls; context list", "format quiet:q"),
  command("context rm; context remove", "force:f"),
  command("context show"),
  command("context update", "description docker"),
  command("context use"),
  command("manifest annotate", "arch os os-features os-version variant"),
  command("manifest create", "amend:a insecure"),
  command("manifest inspect", "insecure verbose:v"),
  command("manifest push", "insecure purge:p"),
  command("manifest rm"),
  command("trust inspect", "pretty"),
  command("trust key generate", "dir"),
  command("trust key load", "name"),
  command("trust revoke", "yes:y"),
  command("trust sign", "local"),
  command("trust signer add", "key"),
  command("trust signer remove", "force:f"),
  command("plugin create", "compress"),
  command("plugin disable", "force:f"),
  command("plugin enable", "timeout"),
  command("plugin inspect", "format:f"),
  command("plugin install", "alias disable disable-content-trust grant-all-permissions"),
  command("plugin ls; plugin list", "filter:f format no-trunc quiet:q"),
  command("plugin push", "disable-content-trust"),
  command("plugin rm; plugin remove", "force:f"),
  command("plugin set"),
  command("plugin upgrade", "disable-content-trust grant-all-permissions skip-remote-check"),
  command("checkpoint create", "checkpoint-dir leave-running"),
  command("checkpoint ls; checkpoint list", "checkpoint-dir"),
  command("checkpoint rm; checkpoint remove", "checkpoint-dir"),
  command("swarm ca", "ca-cert ca-key cert-expiry detach:d external-ca quiet:q rotate"),
  command(
    "swarm init",
    `advertise-addr autolock availability cert-expiry data-path-addr data-path-port default-addr-pool
    default-addr-pool-mask-length dispatcher-heartbeat external-ca force-new-cluster listen-addr max-snapshots
    snapshot-interval task-history-limit`,
  ),
  command("swarm join", "advertise-addr availability data-path-addr listen-addr token"),
  command("swarm join-token", "quiet:q rotate"),
  command("swarm leave", "force:f"),
  command("swarm unlock"),
  command("swarm unlock-key", "quiet:q rotate"),
  command(
    "swarm update",
    `autolock cert-expiry dispatcher-heartbeat external-ca max-snapshots snapshot-interval task-history-limit`,
  ),
  command("node demote"),
  command("node inspect", "format:f pretty"),
  command("node ls; node list", "filter:f format quiet:q"),
  command("node promote"),
  command("node ps", "filter:f format no-resolve no-trunc quiet:q"),
  command("node rm; node remove", "force:f"),
  command("node update", "availability label-add label-rm role"),
  command(
    "service create",
    `cap-add cap-drop config constraint container-label credential-spec detach:d dns dns-option dns-search
    endpoint-mode entrypoint env:e env-file generic-resource group health-cmd health-interval health-retries
    health-start-interval health-start-period health-timeout host hostname init isolation label:l limit-cpu
    limit-memory limit-pids log-driver log-opt max-concurrent mode mount name network no-healthcheck
    no-resolve-image oom-score-adj placement-pref publish:p quiet:q read-only replicas replicas-max-per-node
    reserve-cpu reserve-memory restart-condition restart-delay restart-max-attempts restart-window rollback-delay
    rollback-failure-action rollback-max-failure-ratio rollback-monitor rollback-order rollback-parallelism secret
    stop-grace-period stop-signal sysctl tty:t ulimit update-delay update-failure-action update-max-failure-ratio
    update-monitor update-order update-parallelism user:u with-registry-auth workdir:w`,
  ),
  command("service inspect", "format:f pretty"),
  command("service logs", "details follow:f no-resolve no-task-ids no-trunc raw since tail:n timestamps:t"),
  command("service ls; service list", "filter:f format quiet:q"),
  command("service ps", "filter:f format no-resolve no-trunc quiet:q"),
  command("service rm; service remove"),
  command("service rollback", "detach:d quiet:q"),
  command("service scale", "detach:d"),
  command(
    "service update",
    `args cap-add cap-drop config-add config-rm constraint-add constraint-rm container-label-add container-label-rm
    credential-spec detach:d dns-add dns-option-add dns-option-rm dns-rm dns-search-add dns-search-rm
    endpoint-mode entrypoint env-add env-rm force generic-resource-add generic-resource-rm group-add group-rm
    health-cmd health-interval health-retries health-start-interval health-start-period health-timeout host-add
    host-rm hostname image init isolation label-add label-rm limit-cpu limit-memory limit-pids log-driver log-opt
    max-concurrent mount-add mount-rm network-add network-rm no-healthcheck no-resolve-image oom-score-adj
    placement-pref-add placement-pref-rm publish-add publish-rm quiet:q read-only replicas replicas-max-per-node
    reserve-cpu reserve-memory restart-condition restart-delay restart-max-attempts restart-window rollback
    rollback-delay rollback-failure-action rollback-max-failure-ratio rollback-monitor rollback-order
    rollback-parallelism secret-add secret-rm stop-grace-period stop-signal sysctl-add sysctl-rm tty:t ulimit-add
    ulimit-rm update-delay update-failure-action update-max-failure-ratio update-monitor update-order
    update-parallelism user:u with-registry-auth workdir:w`,
  ),
  command("stack config", "compose-file:c skip-interpolation"),
  command("stack deploy; stack up", "compose-file:c detach:d prune quiet:q resolve-image with-registry-auth"),
  command("stack ls; stack list", "format"),
  command("stack ps", "filter:f format no-resolve no-trunc quiet:q"),
  command("stack rm; stack remove; stack down", "detach:d"),
  command("stack services", "filter:f format quiet:q"),
  command("secret create", "driver:d label:l template-driver"),
  command("secret inspect", "format:f pretty"),
  command("secret ls; secret list", "filter:f format quiet:q"),
  command("secret rm; secret remove"),
  command("config create", "label:l template-driver"),
  command("config inspect", "format:f pretty"),
  command("config ls; config list", "filter:f format quiet:q"),
  command("config rm; config remove"),
  command(
    "buildx bake; buildx f",
    `allow builder call check debug:D file:f list load metadata-file no-cache print progress provenance pull push
    sbom set`,
  ),
  command(
    "buildx build; build; builder build; image build; buildx b",
    `add-host allow annotation attest build-arg build-context builder cache-from cache-to call cgroup-parent check
    debug:D file:f iidfile label load metadata-file network no-cache no-cache-filter output:o platform progress
    provenance pull push quiet:q sbom secret shm-size ssh tag:t target ulimit`,
  ),
  command(
    "buildx create",
    `append bootstrap buildkitd-config buildkitd-flags debug:D driver driver-opt leave name node platform use`,
  ),
  command("buildx dial-stdio", "builder debug:D platform progress"),
  command("buildx du", "builder debug:D filter format verbose"),
  command("buildx history export", "all builder debug:D finalize output:o"),
  command("buildx history import", "builder debug:D file:f"),
  command("buildx history inspect", "builder debug:D format"),
  command("buildx history inspect attachment", "builder debug:D platform type"),
  command("buildx history logs", "builder debug:D progress"),
  command("buildx history ls", "builder debug:D filter format local no-trunc"),
  command("buildx history open", "builder debug:D"),
  command("buildx history rm", "all builder debug:D"),
  command(
    "buildx imagetools create",
    `annotation append builder debug:D dry-run file:f platform:p prefer-index progress tag:t`,
  ),
  command("buildx imagetools inspect", "builder debug:D format raw"),
  command("buildx inspect", "bootstrap builder debug:D"),
  command("buildx ls", "debug:D format no-trunc"),
  command("buildx prune", `all:a builder debug:D filter force:f max-used-space min-free-space reserved-space verbose`),
  command("buildx rm", "all-inactive builder debug:D force:f keep-daemon keep-state"),
  command("buildx stop", "builder debug:D"),
  command("buildx use", "builder debug:D default global"),
  command("buildx version", "debug:D"),
  command(
    "compose",
    `all-resources ansi compatibility dry-run env-file file:f parallel profile progress project-directory
    project-name:p`,
  ),
  command("compose attach", "detach-keys dry-run index no-stdin sig-proxy"),
  command("compose bridge convert", "dry-run output:o templates transformation:t"),
  command("compose bridge transformations create", "dry-run from:f"),
  command("compose bridge transformations list; compose bridge transformations ls", "dry-run format quiet:q"),
  command(
    "compose build",
    `build-arg builder check dry-run memory:m no-cache print provenance pull push quiet:q sbom ssh
    with-dependencies`,
  ),
  command("compose commit", "author:a change:c dry-run index message:m pause:p"),
  command(
    "compose config",
    `dry-run environment format hash images lock-image-digests models networks no-consistency no-env-resolution
    no-interpolate no-normalize no-path-resolution output:o profiles quiet:q resolve-image-digests services
    variables volumes`,
  ),
  command("compose cp", "all archive:a dry-run follow-link:L index"),
  command(
    "compose create",
    `build dry-run force-recreate no-build no-recreate pull quiet-pull remove-orphans scale yes:y`,
  ),
  command("compose down", "dry-run remove-orphans rmi timeout:t volumes:v"),
  command("compose events", "dry-run json since until"),
  command("compose exec", "detach:d dry-run env:e index no-tty:T privileged user:u workdir:w"),
  command("compose export", "dry-run index output:o"),
  command("compose images", "dry-run format quiet:q"),
  command("compose kill", "dry-run remove-orphans signal:s"),
  command("compose logs", "dry-run follow:f index no-color no-log-prefix since tail:n timestamps:t until"),
  command("compose ls", "all:a dry-run filter format quiet:q"),
  command("compose pause", "dry-run"),
  command("compose port", "dry-run index protocol"),
  command("compose ps", "all:a dry-run filter format no-trunc orphans quiet:q services status"),
  command("compose publish", "app dry-run oci-version resolve-image-digests with-env yes:y"),
  command("compose pull", "dry-run ignore-buildable ignore-pull-failures include-deps policy quiet:q"),
  command("compose push", "dry-run ignore-push-failures include-deps quiet:q"),
  command("compose restart", "dry-run no-deps timeout:t"),
  command("compose rm", "dry-run force:f stop:s volumes:v"),
  command(
    "compose run",
    `build cap-add cap-drop detach:d dry-run entrypoint env:e env-from-file interactive:i label:l name no-TTY:T
    no-deps publish:p pull quiet:q quiet-build quiet-pull remove-orphans rm service-ports:P use-aliases user:u
    volume:v workdir:w`,
  ),
  command("compose scale", "dry-run no-deps"),
  command("compose start", "dry-run"),
  command("compose stats", "all:a dry-run format no-stream no-trunc"),
  command("compose stop", "dry-run timeout:t"),
  command("compose top", "dry-run"),
  command("compose unpause", "dry-run"),
  command(
    "compose up",
    `abort-on-container-exit abort-on-container-failure always-recreate-deps attach attach-dependencies build
    detach:d dry-run exit-code-from force-recreate menu no-attach no-build no-color no-deps no-log-prefix
    no-recreate no-start pull quiet-build quiet-pull remove-orphans renew-anon-volumes:V scale timeout:t
    timestamps wait wait-timeout watch:w yes:y`,
  ),
  command("compose version", "dry-run format:f short"),
  command("compose volumes", "dry-run format quiet:q"),
  command("compose wait", "down-project dry-run"),
  command("compose watch", "dry-run no-up prune quiet"),
  command("compose alpha generate", "dry-run format name project-dir"),
  command("compose alpha publish", "app dry-run oci-version resolve-image-digests with-env yes:y"),
  command("compose alpha viz", "dry-run image indentation-size networks ports spaces"),
  command(
    "builder prune; buildx prune",
    `all:a builder debug:D filter force:f max-used-space min-free-space reserved-space verbose`,
  ),
  command(
    "dockerd",
    `add-runtime allow-direct-routing authorization-plugin bip bip6 bridge:b cdi-spec-dir cgroup-parent config-file
    containerd containerd-namespace containerd-plugins-namespace cpu-rt-period cpu-rt-runtime cri-containerd
    data-root debug:D default-address-pool default-cgroupns-mode default-gateway default-gateway-v6
    default-ipc-mode default-network-opt default-runtime default-shm-size default-ulimit dns dns-opt dns-search
    exec-opt exec-root experimental feature fixed-cidr fixed-cidr-v6 group:G host:H host-gateway-ip http-proxy
    https-proxy icc init init-path insecure-registry ip ip-forward ip-forward-no-drop ip-masq ip6tables iptables
    ipv6 label live-restore log-driver log-format log-level:l log-opt max-concurrent-downloads
    max-concurrent-uploads max-download-attempts metrics-addr mtu network-control-plane-mtu no-new-privileges
    no-proxy node-generic-resource pidfile:p raw-logs registry-mirror rootless seccomp-profile selinux-enabled
    shutdown-timeout storage-driver:s storage-opt swarm-default-advertise-addr tls tlscacert tlscert tlskey
    tlsverify userland-proxy userland-proxy-path userns-remap validate version:v`,
  ),
  command(
    "bake; buildx bake; buildx f",
    `allow builder call check debug:D file:f list load metadata-file no-cache print progress provenance pull push
    sbom set`,
  ),
];
