import { spawn, type ChildProcess } from 'node:child_process'

/**
 * Shell script that waits on a pipe, which closes when the parent process ends, and then restores the original. `$1`:
 * the file; `$2`: its backup; `$3`: beginning of a file written by the parent; `$4`: `mounted` if the file is a mount
 * point. A file that another program or a new client wrote meanwhile stays. The backup is renamed, which needs no disk
 * space; a mounted file cannot be replaced and is overwritten without being emptied first. If the disk is full, it then
 * has the original's beginning, and the backup stays for the next start.
 */
const SCRIPT = `
trap '' HUP INT TERM
read -r word
[ "$word" = dismissed ] && exit 0
[ -f "$2" ] || exit 0
read -r first < "$1"
case "$first" in
  "$3"*) ;;
  *) exit 0 ;;
esac
[ "$4" = mounted ] || exec mv -f "$2" "$1"
cat "$2" 1<> "$1" && dd if=/dev/null of="$1" bs=1 seek="$(($(wc -c < "$2")))" && rm -f "$2"
`

export interface ResolvConfGuardOptions {
  path: string
  backup: string
  marker: string
  isMounted: boolean
}

/** Shell process in a session of its own that restores the original resolv.conf if this process is killed. */
export class ResolvConfGuard {
  readonly #child: ChildProcess

  /** Starts the shell. `marker` must be unique to this run. */
  constructor({ path, backup, marker, isMounted }: ResolvConfGuardOptions) {
    const args = [path, backup, marker, isMounted ? 'mounted' : 'plain']
    this.#child = spawn('sh', ['-c', SCRIPT, 'portreeve-resolv-conf', ...args], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    })
    // If no shell can be started, the next start of the client restores the original.
    this.#child.on('error', () => undefined)
    this.#child.stdin?.on('error', () => undefined)
    this.#child.unref()
  }

  /** Ends the shell without restoring, because the original is back. */
  dismiss(): void {
    this.#child.stdin?.end('dismissed\n')
  }
}
