import { spawn, type ChildProcess } from 'node:child_process'

/**
 * Waits on a pipe that closes with this process, however that ends. `$1` the file, `$2` the original, `$3` how ours begins, `$4` whether it
 * is mounted. What somebody else wrote meanwhile stays, be it a client that was started again. The original takes the file's place, which
 * needs no room; a mounted file has none to take, and is rewritten without being emptied first: where the disk is full, what went in is the
 * original's beginning, and the rest stays in the backup for the next start.
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

/** A shell of its own session that puts the original resolv.conf back when this process is killed, for then nobody else would. */
export class ResolvConfGuard {
  readonly #child: ChildProcess

  /** The marker is this run's own. */
  constructor({ path, backup, marker, isMounted }: ResolvConfGuardOptions) {
    const args = [path, backup, marker, isMounted ? 'mounted' : 'plain']
    this.#child = spawn('sh', ['-c', SCRIPT, 'portreeve-resolv-conf', ...args], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    })
    // Without a shell there is no guard, and the next start puts the original back.
    this.#child.on('error', () => undefined)
    this.#child.stdin?.on('error', () => undefined)
    this.#child.unref()
  }

  /** The original is back: nothing is left to do. */
  dismiss(): void {
    this.#child.stdin?.end('dismissed\n')
  }
}
