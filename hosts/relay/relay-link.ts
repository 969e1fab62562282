import type { PeerEnd } from '../../core/config/host-config.ts'
import { connectRefusal } from '../../core/control/connect-request.ts'
import { MAX_FRAME_FROM_PORTAL_CHARACTERS } from '../../core/control/frame.ts'
import { PortalLink, type LinkInput, type LinkOutput } from '../../core/control/portal-link.ts'
import { PortalNews } from '../../core/control/portal-news.ts'
import { problemOfFailure, type PortalProblem } from '../../core/control/portal-problem.ts'
import type { Clock } from '../../core/runtime/clock.ts'
import { drive, type Driven } from '../../core/runtime/drive.ts'
import type { Startable } from '../../core/runtime/lifecycle.ts'
import type { Logger } from '../../core/runtime/logger.ts'
import { writeNote } from '../../core/runtime/note.ts'
import type { Random } from '../../core/runtime/random.ts'
import type { Secret } from '../../core/runtime/secret.ts'
import { after, DAY } from '../../core/runtime/time.ts'
import type { WebSocketConnection, WebSockets } from '../../core/runtime/web-socket.ts'

export interface RelayLinkOptions {
  /** URL at which the relay opens its channel. */
  url: string
  token: Secret
  stampSecret: string
  userAgent: string
  webSockets: WebSockets
  clock: Clock
  random: Random
  logger: Logger
  /** Called when the relay is to serve, and when it no longer is: a day after its portal was lost. */
  serve: (serves: boolean) => void
}

/** State of the link: `unreachable` where the portal does not answer; the relay serves on for a day. */
export type RelayLinkState = 'connecting' | 'connected' | 'unreachable'

/** Time for which a relay serves on without its portal, which may be restarted or cut off meanwhile. */
const SERVE_ON_MS = 1 * DAY

/** Link of a relay to its portal: registers it, and comes back for as long as it takes. */
export class RelayLink implements Startable {
  readonly #options: RelayLinkOptions
  readonly #driven: Driven<LinkInput<'relay'>>
  readonly #news = new PortalNews()
  /** Resolves when the portal refuses the relay for good. */
  readonly ended: Promise<PeerEnd>
  #end: (end: PeerEnd) => void = () => undefined
  #connection: WebSocketConnection | undefined
  #state: RelayLinkState = 'connecting'
  #cancelEnd: (() => void) | undefined

  constructor(options: RelayLinkOptions) {
    this.#options = options
    this.ended = new Promise((resolve) => (this.#end = resolve))
    const { clock, random, stampSecret } = options
    const link = new PortalLink({
      role: 'relay',
      random,
      features: [],
      join: { stamp_secret: stampSecret },
      url: this.shownUrl,
    })
    this.#driven = drive<LinkInput<'relay'>, LinkOutput<'relay'>>(link, {
      clock,
      perform: (output) => this.#perform(output),
    })
  }

  get state(): RelayLinkState {
    return this.#state
  }

  /** Why the portal is not reached; undefined while it is. */
  get problem(): PortalProblem | undefined {
    return this.#news.problem
  }

  /** URL of the channel without its query, for people. */
  get shownUrl(): string {
    return this.#options.url.replace(/\?.*$/, '')
  }

  start(): void {
    this.#driven.dispatch({ type: 'started' })
  }

  stop(): void {
    this.#driven.dispatch({ type: 'stopped' })
    this.#driven.stop()
    this.#cancelEnd?.()
  }

  #perform(output: LinkOutput<'relay'>): void {
    const { clock, logger, serve } = this.#options
    const note = this.#news.hear(output, clock.now())
    if (note !== undefined) writeNote(note, logger)
    switch (output.type) {
      case 'openConnection':
        return this.#open()
      case 'closeConnection':
        return this.#connection?.close()
      case 'sendText':
        return this.#connection?.send(output.text)
      case 'deliver':
        this.#state = 'connected'
        this.#cancelEnd?.()
        return serve(true)
      case 'linkDown':
      case 'attemptFailed':
        this.#state = 'unreachable'
        if (output.type === 'linkDown') this.#endLater()
        return
      case 'signedOut':
      case 'identityInUse':
      case 'gaveUp':
        serve(false)
        return this.#end({ reason: ENDS[output.type], detail: output.reason })
      case 'linkUp':
      case 'answered':
    }
  }

  #open(): void {
    const { url, token, userAgent, webSockets, clock } = this.#options
    const shown = this.shownUrl
    this.#connection = webSockets.connect(
      {
        url,
        headers: { 'X-Authorization': `Bearer ${token.reveal()}`, 'User-Agent': userAgent },
        maxBytes: MAX_FRAME_FROM_PORTAL_CHARACTERS,
      },
      {
        opened: () => this.#driven.dispatch({ type: 'connectionOpened' }),
        received: (text) => this.#driven.dispatch({ type: 'frameReceived', text }),
        refused: (refusal) => this.#driven.dispatch(connectRefusal(refusal, { url: shown, now: clock.unix() })),
        closed: (failure) =>
          this.#driven.dispatch({ type: 'connectionClosed', problem: problemOfFailure(failure, { url: shown }) }),
      },
    )
  }

  /** Ends serving a day later, unless the portal is back. */
  #endLater(): void {
    const { clock, logger, serve } = this.#options
    this.#cancelEnd?.()
    this.#cancelEnd = clock.wake(after(clock.now(), SERVE_ON_MS), () => {
      logger.warn({}, 'the portal has been away for a day: the relay serves nobody until it is back')
      serve(false)
    })
  }
}

const ENDS = { signedOut: 'signed_out', identityInUse: 'identity_in_use', gaveUp: 'unreachable' } as const
