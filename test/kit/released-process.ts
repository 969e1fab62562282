import { ControlPeer, type ConnectRefused, type PeerOptions } from './control-peer.ts'

/** Outcome of a connect of a released process. */
export type Attempt =
  | { type: 'joined'; peer: ControlPeer }
  /** Connected, and closed by the portal before it had joined. */
  | { type: 'closed' }
  | { type: 'refused'; status: number; code: string | undefined; detail: string; retryAfterSeconds: number | undefined }

/** Wait of a released peer in milliseconds before it connects again, where the portal names none: a tenth of its own. */
const RETRY_MS = 50
/** Connects after which a process that never comes to rest is given up. */
const MAX_CONNECTS = 12

/**
 * A released peer's process with the manners of its reconnects: comes back at once whenever it is refused or closed, as
 * often as it takes, unless the portal says for how long to wait. Then it waits for `goOn`.
 */
export class ReleasedProcess {
  /** Number of connects so far. */
  connects = 0
  readonly #options: PeerOptions

  constructor(options: PeerOptions) {
    this.#options = options
  }

  /** Connects until it has joined or is told to wait. @throws Error if neither comes about */
  async goOn(): Promise<Attempt & { type: 'joined' | 'refused' }> {
    while (this.connects < MAX_CONNECTS) {
      this.connects++
      const attempt = await this.#attempt()
      if (attempt.type === 'joined') return attempt
      if (attempt.type === 'refused' && attempt.retryAfterSeconds !== undefined) return attempt
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    }
    throw new Error(`connected ${this.connects} times, and neither joined nor was told to wait`)
  }

  async #attempt(): Promise<Attempt> {
    try {
      const peer = await ControlPeer.connect(this.#options)
      peer.send('phx_join', null)
      const joined = peer.next('init').then(() => true)
      const closed = peer.closed.then(() => false)
      // Whichever comes second is of no interest.
      void joined.catch(() => undefined)
      return (await Promise.race([joined, closed])) ? { type: 'joined', peer } : { type: 'closed' }
    } catch (error) {
      const { status, headers, body } = (error as Error).cause as ConnectRefused & { body: { detail?: string } }
      const after = headers['retry-after']
      return {
        type: 'refused',
        status,
        code: body.code,
        detail: body.detail ?? '',
        retryAfterSeconds: typeof after === 'string' ? Number(after) : undefined,
      }
    }
  }
}
