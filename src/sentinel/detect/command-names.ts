/** Programs by how much their name says, at the place of a command. */
export type NameKind =
  /** No word of any language: the name alone, behind a separator, is a command. */
  | "sure"
  /** No English word, but too short or too well known to say anything alone. */
  | "program"
  /** An English word. */
  | "word";

const SURE =
  "whoami uname ifconfig ipconfig netstat nslookup printenv systeminfo tasklist getent dmesg lsof traceroute tracert " +
  "hostnamectl lsb_release lscpu lsblk lsmod lspci lsusb vmstat iptables sysinfo netsh wmic qwinsta nbtstat schtasks " +
  "ipcs pstree sysctl getfacl getcap setcap";

const PROGRAMS =
  "ls id ps pwd env sh bash zsh ksh csh tcsh dash ash rbash cp mv rm ln dd df du od nl tac xxd hexdump awk gawk mawk nawk " +
  "sed grep egrep fgrep zgrep xargs wget curl nc ncat netcat socat ssh scp sftp ftp tftp telnet rsync dig nmap ping6 tar " +
  "gzip gunzip bzip2 bunzip2 unxz zcat xzcat bzcat unzip cpio python python2 python3 perl ruby php nodejs lua gcc cc c89 c99 " +
  "gdb strace ltrace tcpdump busybox openssl base64 base32 chmod chown chgrp chattr useradd usermod adduser userdel passwd " +
  "sudo su doas crontab systemctl mkfifo mknod mkdir rmdir printf stat tr wc vi vim nano ed ex emacs mysql mysqldump psql " +
  "pg_dump sqlite3 redis-cli mongo docker kubectl git svn pip pip3 npm apt apt-get yum dnf rpm dpkg gem cpan nohup pkill " +
  "killall nproc uptime tput stty tty htop umount fdisk blkid sendmail mutt cmd powershell pwsh certutil bitsadmin mshta " +
  "regsvr32 rundll32 cscript wscript dir del ren attrib icacls findstr arp rev cksum md5sum sha1sum sha256sum uniq strings " +
  "setsid stdbuf unshare chroot nsenter sc ss free killall top echo ip lastlog logname groups hostid dnsdomainname mktemp readlink realpath ln";

const WORDS =
  "cat find host sleep usleep time more less head tail sort cut kill ping type copy set file at mail service route mount " +
  "touch look man who w last history test date cal jobs source eval exec read export alias declare join paste split column " +
  "expand fold fmt comm diff patch nice watch script screen expect view open start net reg move make node go hostname " +
  "timeout tee shutdown reboot halt finger wall write unset trap history .";

const kinds = new Map<string, NameKind>();
for (const name of WORDS.split(" ")) kinds.set(name, "word");
for (const name of PROGRAMS.split(" ")) kinds.set(name, "program");
for (const name of SURE.split(" ")) kinds.set(name, "sure");

/** What a program's name says; undefined where there is no such program. */
export function nameKind(name: string): NameKind | undefined {
  return kinds.get(name);
}

/** Programs that run the program behind them. */
export const WRAPPERS: ReadonlySet<string> = new Set(
  "sudo time nohup env exec command builtin eval xargs busybox nice setsid stdbuf timeout strace ltrace doas then do {".split(
    " ",
  ),
);

/** Files that only an attacker asks a shell for. */
const FILES =
  "/etc/passwd /etc/shadow /etc/group /etc/hosts /etc/issue /etc/hostname /etc/sudoers /etc/crontab /etc/fstab /etc/motd " +
  "/proc/version /proc/self/environ /proc/cpuinfo /etc/resolv.conf /etc/os-release";
const DIRECTORIES = ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/", "/usr/local/bin/"];
const files = new Set(FILES.split(" "));

/** Whether a path, wildcards and all, is one of a system's programs or of the files that attackers read. */
export function systemFile(path: string): boolean {
  const plain = path.replace(/\/{2,}|\/\.(?=\/)/g, "/");
  if (files.has(plain)) return true;
  const directory = DIRECTORIES.find(
    (one) => plain.startsWith(one) && !plain.slice(one.length).includes("/"),
  );
  return directory !== undefined && kinds.has(plain.slice(directory.length));
}

/** Which letters are in a text, one bit each: most names and patterns are told apart by them alone. */
function letters(text: string): number {
  let bits = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code >= 0x61 && code <= 0x7a) bits |= 1 << (code - 0x61);
  }
  return bits;
}

type Known = readonly (readonly [name: string, letters: number])[];
const knownNames: Known = [...kinds.keys()].map((name) => [name, letters(name)]);
const knownFiles: Known = [...files].map((file) => [file, letters(file)]);

function known(pattern: string, all: Known): string | undefined {
  const needed = letters(pattern.replace(/\[[^\]]*\]/g, ""));
  return all.find(([name, bits]) => (bits & needed) === needed && fits(pattern, name))?.[0];
}

/** The name of the program that the path of one stands for, wildcards and all; undefined where it fits none. */
export function globbedName(path: string): string | undefined {
  const slash = path.lastIndexOf("/") + 1;
  const directory = path.slice(0, slash);
  if (!DIRECTORIES.some((one) => fits(directory, one))) return undefined;
  return known(path.slice(slash), knownNames);
}

/** Whether a pattern with wildcards fits a file that attackers read. */
export function globbedFile(pattern: string): boolean {
  return known(pattern, knownFiles) !== undefined;
}

/** `*`, `?` and `[...]` (any char); the last `*` is gone back to, so that the time is bounded by the product of two short lengths. */
function fits(pattern: string, name: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let position = 0; position < name.length;) {
    const char = pattern[at];
    const close = char === "[" ? pattern.indexOf("]", at + 2) : -1;
    if (char === "*") {
      star = at++;
      resume = position;
    } else if (char === "?" || char === name[position] || close > 0) {
      at = close > 0 ? close + 1 : at + 1;
      position++;
    } else if (star >= 0) {
      at = star + 1;
      position = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}
