import type { Clock } from '../../../../../core/runtime/clock.ts'
import { after, SECOND, type Instant } from '../../../../../core/runtime/time.ts'
import { liveDifference, versionOf, type RenderedParts } from '../page/live-difference.ts'

/** Event of a stream, by its name. */
export type LiveEvent =
  | { event: 'part'; data: { id: string; html: string } }
  | { event: 'gone'; data: { id: string; text: string } }
  | { event: 'held'; data: { count: number } }
  /** Sent when nothing else was for a while, so that the page knows that it is live. */
  | { event: 'beat'; data: { at: string } }
  /** The page shows something else than at present: it has to be loaded anew. */
  | { event: 'stale'; data: Record<string, never> }
  /** The page has to be loaded anew to go on: the session has ended, or the page does not exist any more. */
  | { event: 'end'; data: { why: string } }

export interface LiveStreamOptions {
  clock: Clock
  /** Renders the live parts at present; undefined where the person may not see the page any more. */
  render: () => Promise<RenderedParts | undefined>
  /** Tells who removed a row, and when; undefined where it was not removed. */
  removal: (rowId: string) => Promise<string | undefined>
  send: (event: LiveEvent) => void
  /** Whether the session is still valid, asked at each heartbeat. */
  isValid: () => Promise<boolean>
  /** Hears the error of a page that cannot be rendered, for the operator's log. */
  failed: (error: unknown) => void
  end: () => void
}

/** Time for which changes are gathered before the page is looked at again. */
const GATHER_MS = 300
export const BEAT_MS = 15 * SECOND

/** Keeps one open page up to date: looks at it again when something changed, and sends what differs. */
export class LiveStream {
  readonly #options: LiveStreamOptions
  #shown: RenderedParts = new Map()
  #held = 0
  #cancelLook: (() => void) | undefined
  #cancelBeat: () => void
  #isLooking = false
  #isAgain = false
  #isOver = false
  /** Number of times that the page was rendered. */
  looks = 0

  constructor(options: LiveStreamOptions) {
    this.#options = options
    this.#cancelBeat = this.#beatAt(after(options.clock.now(), BEAT_MS))
  }

  /** Renders the page once, so that later ones can be compared with it. `version` names the content that the page shows. */
  async start(version: string): Promise<void> {
    this.looks++
    const shown = await this.#options.render()
    if (shown === undefined) return this.#finish('You may not see this page any more.')
    this.#shown = shown
    if (versionOf(shown) !== version) this.#options.send({ event: 'stale', data: {} })
    this.#options.send({ event: 'beat', data: { at: this.#time() } })
  }

  /** Hears that something changed that the page may show. */
  changed(): void {
    if (this.#isOver || this.#cancelLook !== undefined) return
    const { clock } = this.#options
    this.#cancelLook = clock.wake(after(clock.now(), GATHER_MS), () => {
      this.#cancelLook = undefined
      void this.#look()
    })
  }

  stop(): void {
    this.#isOver = true
    this.#cancelLook?.()
    this.#cancelBeat()
  }

  async #look(): Promise<void> {
    // A page that takes longer than the changes come is rendered one at a time.
    if (this.#isLooking) {
      this.#isAgain = true
      return
    }
    this.#isLooking = true
    try {
      this.looks++
      const present = await this.#options.render()
      if (this.#isOver) return
      if (present === undefined) return this.#finish('You may not see this page any more.')
      await this.#tell(present)
    } catch (error) {
      this.#options.failed(error)
      this.#finish('The page cannot be shown at the moment.')
    } finally {
      this.#isLooking = false
    }
    if (!this.#isAgain) return
    this.#isAgain = false
    this.changed()
  }

  async #tell(present: RenderedParts): Promise<void> {
    const { send, removal } = this.#options
    const { changed, gone, held } = liveDifference(this.#shown, present)
    for (const part of changed) send({ event: 'part', data: part })
    for (const id of gone) {
      const text = (await removal(id.replace(/^row-/, ''))) ?? 'Does not match any more.'
      send({ event: 'gone', data: { id, text } })
    }
    if (held !== this.#held) send({ event: 'held', data: { count: held } })
    this.#held = held
    // New parts are not on the page before it is loaded anew.
    this.#shown = new Map(
      [...this.#shown.keys()].flatMap((id) => (present.has(id) ? [[id, present.get(id) ?? '']] : [])),
    )
  }

  #beatAt(at: Instant): () => void {
    const { clock, send, isValid } = this.#options
    return clock.wake(at, () => {
      void isValid().then(
        (valid) => {
          if (this.#isOver) return
          if (!valid) return this.#finish('Your session has ended.')
          send({ event: 'beat', data: { at: this.#time() } })
          this.#cancelBeat = this.#beatAt(after(clock.now(), BEAT_MS))
        },
        (error: unknown) => {
          this.#options.failed(error)
          this.#finish('The page cannot be shown at the moment.')
        },
      )
    })
  }

  #finish(why: string): void {
    if (this.#isOver) return
    this.#options.send({ event: 'end', data: { why } })
    this.stop()
    this.#options.end()
  }

  #time(): string {
    return new Date(this.#options.clock.unix()).toISOString()
  }
}
