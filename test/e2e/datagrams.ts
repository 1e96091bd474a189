/** UDP for network tests: who hears what, and datagrams whose source is a lie. */
import { succeed, until } from "../harness/command.ts";

/** A Python program that sends one datagram. */
export function sendDatagram(host: string, port: number, text: string): string {
  return `import socket; socket.socket(2,2).sendto(b"${text}",("${host}",${port}))`;
}

/** Listens on a UDP port in a namespace, until `until` has seen a text: what came, that text included. */
export async function datagramsIn(netns: string, port: number): Promise<{ until(text: string): Promise<string[]> }> {
  const program = `import socket; s=socket.socket(2,2); s.bind(("",${port})); print("up")
while True: print(s.recvfrom(99)[0].decode())`;
  const child = Bun.spawn(["nsenter", `--net=${netns}`, "python3", "-u", "-c", program], { stdout: "pipe" });
  let text = "";
  void (async () => {
    for await (const chunk of child.stdout) text += new TextDecoder().decode(chunk);
  })();
  await until("the listener", () => text.startsWith("up\n"));
  return {
    async until(last) {
      try {
        await until(`the datagram ${last}`, () => text.endsWith(`${last}\n`));
        return text.trim().split("\n").slice(1);
      } finally {
        child.kill("SIGKILL");
        await child.exited;
      }
    },
  };
}

/** Sends a UDP datagram from a namespace with whatever source, to whatever target, by the next hop `via`. */
export async function forgeDatagram(forged: {
  netns: string;
  via: string;
  source: string;
  target: string;
  port: number;
}): Promise<void> {
  const { netns, via, source, target, port } = forged;
  // A frame of its own making: the kernel would refuse such a source, and such a target, on an IP socket.
  const program = `
import socket,struct,subprocess,time
peer="00:00:00:00:00:00"
while peer=="00:00:00:00:00:00":
  socket.socket(2,2).sendto(b"where",("${via}",9)); time.sleep(.01)
  peer=open("/proc/net/arp").read().split("${via} ")[1].split()[2]
mac=lambda text: bytes(int(part,16) for part in text.split(":"))
own=subprocess.run(["ip","-br","link","show","eth0"],capture_output=True,text=True).stdout.split()[2]
def checksum(data):
  total=sum(struct.unpack("!%dH"%(len(data)//2),data)); total=(total>>16)+(total&65535); return ~(total+(total>>16))&65535
udp=struct.pack("!HHHH",4000,${port},8+6,0)+b"forged"
head=lambda check: struct.pack("!BBHHHBBH4s4s",69,0,20+len(udp),1,0,64,17,check,socket.inet_aton("${source}"),socket.inet_aton("${target}"))
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(("eth0",2048))
s.send(mac(peer)+mac(own)+b"\\x08\\x00"+head(checksum(head(0)))+udp)`;
  await succeed(["nsenter", `--net=${netns}`, "python3", "-c", program]);
}
