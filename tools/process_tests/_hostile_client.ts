/**
 * A client that does what no honest one does: it resets its connections, at any moment, or keeps them and neither sends
 * nor reads. In Python, as no API of the host's can reset a connection (`SO_LINGER` with a time of 0).
 *
 * It is started with the kind of server and where that listens; reads from its input, one a line, the name of something
 * to do and how often; and prints "done" after each. The connections of `stick-…` stay open until its end.
 */

const HTTP_CASES = String.raw`
UPGRADE = ("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
def get(path): return "GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path
POST = "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc"
CHUNKED = "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
def frame(text): return b"\x81" + bytes([0x80 | len(text)]) + b"\0\0\0\0" + text.encode()
def good():
    with connect() as s:
        s.sendall(get("/hello").replace("Host", "Connection: close\r\nHost").encode())
        assert b"hello" in rest(s)
def good_ws():
    with connect() as s:
        s.sendall(UPGRADE.encode())
        until(s, b"\r\n\r\n")
        s.sendall(frame("hello"))
        until(s, b"hello")
def after_upgrade(s):
    s.sendall(UPGRADE.encode())
    until(s, b"\r\n\r\n")
    s.sendall(frame("x"))
CASES = {
    "silent": lambda s: None,
    "head": lambda s: s.sendall(b"GET / HTT"),
    "body": lambda s: s.sendall((POST % "/read").encode()),
    "chunks": lambda s: s.sendall((CHUNKED % "/iterate").encode()),
    "piped": lambda s: s.sendall((POST % "/pipe").encode()),
    "bad-chunks": lambda s: s.sendall((CHUNKED % "/read").encode() + b"nonsense\r\n"),
    "unread-body": lambda s: s.sendall((POST % "/early").encode()),
    "handler": lambda s: s.sendall(get("/slow").encode()),
    "answer": lambda s: (s.sendall(get("/big").encode()), s.recv(1000)),
    "stream": lambda s: (s.sendall(get("/endless").encode()), s.recv(1000)),
    "idle": lambda s: (s.sendall(get("/hello").encode()), until(s, b"hello")),
    "bad-host": lambda s: s.sendall(get("/url").replace("Host: x", "Host: a b c").encode()),
}
WS_CASES = {
    "upgrade": lambda s: s.sendall(UPGRADE.encode()),
    "conversation": after_upgrade,
    "garbage": lambda s: (after_upgrade(s), s.sendall(b"\xff\xff\xff\xff")),
    "half-a-frame": lambda s: (after_upgrade(s), s.sendall(frame("hello")[:3])),
    "flood": lambda s: (s.sendall(UPGRADE.replace("/ws", "/flood").encode()), until(s, b"\r\n\r\n")),
}
`;

const STREAM_CASES = String.raw`
def good():
    with connect() as s:
        s.sendall(b"hello")
        until(s, b"hello")
def flood(s):
    s.settimeout(0.02)
    try:
        while True: s.send(b"x" * 65536)
    except (socket.timeout, ssl.SSLError, BlockingIOError): pass
CASES = {
    "silent": lambda s: None,
    "talking": lambda s: (s.sendall(b"x"), s.recv(1)),
    "unread": lambda s: s.sendall(b"x" * 50000),
    "flood": flood,
}
WS_CASES = {}
`;

const CLIENT = String.raw`
import os, socket, struct, ssl, sys, time
kind, where = sys.argv[1:3]
tls = kind in ("tls", "https")
context = ssl._create_unverified_context() if tls else None
def plain():
    if kind == "unix":
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        s.connect(where)
        return s
    return socket.create_connection(("127.0.0.1", int(where)), timeout=10)
def connect(): return context.wrap_socket(plain()) if tls else plain()
def rest(s):
    data = b""
    while True:
        more = s.recv(65536)
        if not more: return data
        data += more
def until(s, end):
    data = b""
    while end not in data:
        more = s.recv(65536)
        assert more, "ended after %r" % data
        data += more
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
CASES_HERE
RAW = {"hello": bytes([0x16, 3, 1, 2, 0, 1]), "nonsense": b"GET / HTTP/1.0\r\n\r\n"}
kept = []
def do(name, count):
    if name == "good":
        for i in range(100):
            try: return good()
            # A server of the host's that is being begun again.
            except ConnectionRefusedError: time.sleep(0.02)
    if name == "good-ws": return good_ws()
    how, state = name.split("-", 1)
    for i in range(count):
        if how == "fill":
            try:
                s = socket.create_connection(("127.0.0.1", int(where)), timeout=1) if kind != "unix" else plain()
                kept.append(s)
            except OSError: pass
            continue
        try:
            if state == "accept" or state in RAW:
                s = plain()
                if state in RAW: s.sendall(RAW[state])
            else:
                s = connect()
                (CASES.get(state) or WS_CASES[state])(s)
            # At once, and when the server has got to work. A file is lost for good by a reset in the very moment in which
            # an upgrade is answered, which the host alone could mend.
            time.sleep(0 if state in ("accept", "upgrade") else (i % 3) * 0.004)
            if how == "reset": reset(s)
            elif how == "end": s.close()
            else: kept.append(s)
        except (ConnectionError, ssl.SSLError): pass
for line in sys.stdin:
    name, count = line.split()
    if name == "files": print("open:", len(os.listdir("/proc/%s/fd" % count)), flush=True)
    elif name == "drop":
        for s in kept: s.close()
        kept.clear()
    else: do(name, int(count))
    print("done", name, flush=True)
`;

const KINDS = {
  tcp: STREAM_CASES,
  tls: STREAM_CASES,
  unix: STREAM_CASES,
  http: HTTP_CASES,
  https: HTTP_CASES,
} as const;

/** A kind of server that there are cases for. */
export type Kind = keyof typeof KINDS;

/** See the header. */
export class HostileClient {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #heard = "";

  /** `where`: the port, or the path. */
  constructor(kind: Kind, where: string) {
    this.#child = new Deno.Command("python3", {
      args: ["-c", CLIENT.replace("CASES_HERE", KINDS[kind]), kind, where],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** How many files a process has open (Linux). Asked here, as Deno wants all permissions for it. */
  async openFiles(pid: number): Promise<number> {
    return Number(/open: (\d+)/.exec(await this.do("files", pid))![1]);
  }

  /** Does something; returns what was printed, when it is done. */
  async do(name: string, count = 1): Promise<string> {
    await this.#writer.write(new TextEncoder().encode(`${name} ${count}\n`));
    const end = `done ${name}\n`;
    while (!this.#heard.includes(end)) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`The client ended without having done "${name}"`);
      this.#heard += value;
    }
    const heard = this.#heard;
    this.#heard = "";
    return heard;
  }

  /** Ends it, and with it its connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel();
    await this.#child.status;
  }
}
