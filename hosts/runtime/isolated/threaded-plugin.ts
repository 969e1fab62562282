import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import type { AskIsolated, IsolatedAnswer, IsolatedQuestion } from '../../../core/plugin/isolated-question.ts'
import type { IsolatedPlugin } from '../../../core/plugin/isolation.ts'
import type { PluginLog } from '../../../core/plugin/plugin-log.ts'
import type { Startable } from '../../../core/runtime/lifecycle.ts'
import type { Logger } from '../../../core/runtime/logger.ts'
import type { Metrics } from '../../../core/runtime/metrics.ts'
import type { FromThread, SentAnswer, SentQuestion } from './letters.ts'
import { PluginThread, refusal, withStack } from './plugin-thread.ts'
import { Rests, settle, waitingQuestions, type WaitingQuestion } from './question-line.ts'
import { ThreadSources } from './thread-sources.ts'

export interface IsolatedPluginOptions {
  /** Name of the plugin. */
  plugin: string
  /** Module of the plugin's thread. */
  module: URL
  /** Data that the module needs: plain. */
  setUp: object
  /** Time limit of one question. */
  questionMs: number
  logger: Logger
  metrics: Metrics
  log: PluginLog
}

/** Time limit of one question, as a rule. */
export const QUESTION_MS = 250
/** Interval in which a thread that works is looked at. */
const LOOK_MS = 25
/** Most questions that a thread has in hand: what is asked for a simulation holds up a request by no more than these. */
const MAX_IN_HAND = 256
/** Most settings that a thread keeps. */
const MAX_SETTINGS = 10_000
/** Life of a thread that counts as not started if it ends by itself. */
const SHORT_MS = 1_000
/** Longest wait for the implementations to stop. */
const STOP_MS = 8_000
/** Pause before a thread is started again that did not start. */
const RETRY_MS = 10_000

/**
 * A plugin in a thread of its own. Questions are answered one after another; the one that is not answered in 250 ms has failed,
 * the thread is replaced, and those that wait are sent again. Whatever a plugin does, each question is answered soon.
 */
export class ThreadedPlugin implements IsolatedPlugin {
  readonly part: Startable = { start: async () => this.#start(), stop: async () => this.#stop() }
  readonly #options: IsolatedPluginOptions
  readonly #sources: ThreadSources
  readonly #rests = new Rests()
  readonly #settingsIds = new WeakMap<object, number>()
  #lastSettingsId = 0
  #thread: PluginThread | undefined
  #waiting: WaitingQuestion[] = []
  #inHand: WaitingQuestion[] = []
  /** Position that the thread was seen at first, and when. */
  #seen = { position: -1, since: 0 }
  #looking: NodeJS.Timeout | undefined
  #brokenUntil = 0
  #retry: NodeJS.Timeout | undefined
  #isStopped = false
  #started: { resolve: () => void; reject: (error: Error) => void } | undefined
  #stopped: (() => void) | undefined

  constructor(options: IsolatedPluginOptions) {
    this.#options = options
    this.#sources = new ThreadSources({
      send: (letter) => (this.#thread?.isReady === true ? this.#thread.send(letter) : undefined),
      isReady: () => this.#thread?.isReady === true,
      replace: (why) => this.#replace(new Error(why)),
    })
  }

  readonly factSource: IsolatedPlugin['factSource'] = (key) => this.#sources.source(key)

  /** Asks the plugin's conditions and selectors. */
  readonly ask: AskIsolated = async (questions) =>
    new Promise((resolve) => {
      this.#waiting.push(...waitingQuestions(questions, resolve))
      this.#send()
    })

  async #start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#started = { resolve, reject }
      this.#open()
    })
  }

  async #stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#looking)
    clearTimeout(this.#retry)
    const thread = this.#thread
    if (thread?.isReady === true) {
      const stopped = new Promise<void>((resolve) => (this.#stopped = resolve))
      thread.send({ type: 'stop' })
      await Promise.race([stopped, pause(STOP_MS, undefined, { ref: false })])
    }
    this.#thread?.end()
    this.#thread = undefined
    this.#failAll(new Error('the portal stops'))
  }

  #open(): void {
    const thread: PluginThread = new PluginThread({
      module: this.#options.module,
      setUp: this.#options.setUp,
      onLetter: (letter) => {
        if (this.#thread === thread) this.#take(letter, thread)
      },
      onEnd: (error) => {
        if (this.#thread === thread) this.#ended(error, thread)
      },
    })
    this.#thread = thread
  }

  #take(letter: FromThread, thread: PluginThread): void {
    const { plugin, logger, metrics, log } = this.#options
    switch (letter.type) {
      case 'ready':
        this.#started?.resolve()
        this.#started = undefined
        this.#sources.ready()
        return this.#send()
      case 'refused':
        return this.#refused(thread, refusal(letter))
      case 'answered':
        return this.#answered(letter.answers)
      case 'logged':
        return logger[letter.level](letter.fields, letter.message)
      case 'measured':
        return this.#measured(letter, metrics.with({ plugin }))
      case 'stray':
        return log.failed({
          plugin,
          call: 'its own work',
          error: withStack(letter.message, letter.stack),
          message: STRAY,
        })
      case 'stopped':
        return this.#stopped?.()
      default:
        return this.#sources.take(letter)
    }
  }

  #measured({ call, name, value, labels }: FromThread & { type: 'measured' }, metrics: Metrics): void {
    if (call === 'count') metrics.count(name, labels, value)
    else metrics.set(name, value, labels)
  }

  #answered(answers: readonly SentAnswer[]): void {
    const now = performance.now()
    this.#inHand.splice(0).forEach((waiting, index) => {
      const answer = answerOf(answers[index], this.#options.questionMs)
      this.#rests.note(waiting.question, { isSlow: 'outcome' in answer && answer.outcome === 'slow', now })
      settle(waiting, answer)
    })
    this.#send()
  }

  /** Sends questions to a thread that has none in hand; starts a thread if there is none. */
  #send(): void {
    const now = performance.now()
    const isAway = this.#isStopped || now < this.#brokenUntil
    if (this.#thread === undefined && isAway) return this.#failAll(new Error('its thread does not run'))
    if (this.#thread === undefined) return this.#open()
    if (!this.#thread.isReady || this.#inHand.length > 0) return
    const batch: WaitingQuestion[] = []
    while (batch.length < MAX_IN_HAND) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      const refusal = this.#rests.refusal(next.question, now)
      if (refusal === undefined) batch.push(next)
      else settle(next, refusal)
    }
    if (batch.length > 0) this.#hand(batch, this.#thread)
    else clearInterval(this.#looking)
  }

  #hand(batch: WaitingQuestion[], thread: PluginThread): void {
    const forgets = thread.settings.size >= MAX_SETTINGS
    if (forgets) thread.settings.clear()
    try {
      thread.send({ type: 'ask', questions: batch.map(({ question }) => this.#sent(question, thread)), forgets })
    } catch (error) {
      const failure = error instanceof Error ? error : new Error('it cannot be sent')
      for (const each of batch) settle(each, { failure, outcome: 'failed', seconds: 0 })
      return this.#send()
    }
    this.#inHand = batch
    this.#seen = { position: thread.position, since: performance.now() }
    clearInterval(this.#looking)
    this.#looking = setInterval(() => this.#look(thread), LOOK_MS)
  }

  #sent({ point, key, owner, settings, about, at }: IsolatedQuestion, thread: PluginThread): SentQuestion {
    const settingsId = this.#settingsIds.get(owner) ?? ++this.#lastSettingsId
    this.#settingsIds.set(owner, settingsId)
    const isKnown = thread.settings.has(settingsId)
    thread.settings.add(settingsId)
    return { point, key, settingsId, ...(isKnown ? {} : { settings: { stored: settings } }), about, at }
  }

  /** Looks whether the thread has been at the same question for too long. */
  #look(thread: PluginThread): void {
    const now = performance.now()
    const { position } = thread
    if (position !== this.#seen.position) this.#seen = { position, since: now }
    // It may be at none because something else keeps it busy: then the first that waits has failed.
    else if (now - this.#seen.since >= this.#options.questionMs) {
      const failure = new Error(`it has not answered in ${this.#options.questionMs} ms`)
      this.#dropAt(position, { failure, outcome: 'slow', seconds: (now - this.#seen.since) / 1_000 })
      this.#reopen()
    }
  }

  /** Answers the question that a thread is at when it ends. The others in hand wait again, before all others. */
  #dropAt(position: number, answer: IsolatedAnswer): void {
    clearInterval(this.#looking)
    const inHand = this.#inHand.splice(0)
    const [culprit] = inHand.splice(Math.max(0, position), 1)
    this.#waiting = [...inHand, ...this.#waiting]
    if (culprit === undefined) return
    // A thread that ends is as costly as one that is slow.
    this.#rests.note(culprit.question, { isSlow: true, now: performance.now() })
    settle(culprit, answer)
  }

  #ended(error: Error, thread: PluginThread): void {
    const isShort = thread.readyAt !== undefined && performance.now() - thread.readyAt < SHORT_MS
    if (!thread.isReady || (isShort && this.#inHand.length === 0)) return this.#refused(thread, error)
    const { log, plugin } = this.#options
    log.failed({ plugin, call: 'its thread', error, message: 'the thread of a plugin ended: it is started again' })
    this.#dropAt(thread.position, { failure: error, outcome: 'failed', seconds: 0 })
    this.#reopen()
  }

  #replace(error: Error): void {
    const { log, plugin } = this.#options
    log.failed({ plugin, call: 'its thread', error, message: 'the thread of a plugin hangs: it is replaced' })
    this.#dropAt(this.#thread?.position ?? -1, { failure: error, outcome: 'failed', seconds: 0 })
    this.#reopen()
  }

  #reopen(): void {
    this.#thread?.end()
    this.#thread = undefined
    this.#sources.gone()
    if (!this.#isStopped) this.#open()
  }

  /** The thread did not start: it is tried again later, if this was not the first time. */
  #refused(thread: PluginThread, error: Error): void {
    thread.end()
    this.#thread = undefined
    this.#brokenUntil = performance.now() + RETRY_MS
    const { log, plugin } = this.#options
    if (this.#started === undefined) {
      log.failed({ plugin, call: 'its thread', error, message: 'the thread of a plugin does not start again' })
    }
    if (this.#started !== undefined) this.#started.reject(error)
    else this.#openLater()
    this.#started = undefined
    this.#failAll(error)
  }

  #openLater(): void {
    clearTimeout(this.#retry)
    this.#retry = setTimeout(() => {
      if (this.#thread === undefined && !this.#isStopped) this.#open()
    }, RETRY_MS)
    this.#retry.unref()
  }

  #failAll(failure: Error): void {
    for (const each of [...this.#inHand.splice(0), ...this.#waiting.splice(0)]) {
      settle(each, { failure, outcome: 'failed', seconds: 0 })
    }
  }
}

const STRAY = 'a promise of a plugin was rejected, and nobody handles that: its thread goes on'

const answerOf = (sent: SentAnswer | undefined, questionMs: number): IsolatedAnswer => {
  if (sent === undefined) return { failure: new Error('it was not answered'), outcome: 'failed', seconds: 0 }
  const { seconds } = sent
  const milliseconds = seconds * 1_000
  if (milliseconds > questionMs) {
    const took = `it took ${Math.round(milliseconds)} ms, and ${questionMs} are allowed`
    return { failure: new Error(took), outcome: 'slow', seconds }
  }
  if ('answer' in sent) return { answer: sent.answer, seconds }
  return { failure: withStack(sent.message, sent.stack), outcome: 'failed', seconds }
}
