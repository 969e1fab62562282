import { spawn, type ChildProcess } from 'node:child_process'

/**
 * Waits on a pipe that closes with this process, however that ends. `$1` the file, `$2` the original, `$3` how ours begins. What
 * somebody else wrote meanwhile stays; where the original cannot be written back (a full disk) it stays in the backup.
 */
const SCRIPT = `
trap '' HUP INT TERM
read -r word
[ "$word" = dismissed ] && exit 0
[ -f "$2" ] || exit 0
read -r first < "$1"
case "$first" in
  "$3"*) cat "$2" > "$1" && rm -f "$2" ;;
esac
`

/** A shell of its own session that puts the original resolv.conf back when this process is killed, for then nobody else would. */
export class ResolvConfGuard {
  readonly #child: ChildProcess

  constructor({ path, backup, marker }: { path: string; backup: string; marker: string }) {
    this.#child = spawn('sh', ['-c', SCRIPT, 'portreeve-resolv-conf', path, backup, marker], {
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
