import { Worker } from 'node:worker_threads'
import type { Datagram } from '../../../core/runtime/datagram-socket.ts'
import type { CarrierOptions, PacketCarrier } from './carrier.ts'
import { withOwnBytes, type FromWorker, type ToWorker, type WorkerSetUp } from './letters.ts'

type Items<Command> = Extract<ToWorker<Command>, { type: 'items' }>['items']

/**
 * Carrier of the native lane: device, sockets, flows and encryption are in a worker thread, which runs while this one
 * is busy.
 */
export class WorkerCarrier<Command extends object, Report> implements PacketCarrier<Command> {
  readonly ports: { ipv4?: number; ipv6?: number }
  readonly #worker: Worker
  #items: Items<Command> = []
  #closed: Promise<void>

  private constructor(worker: Worker, ports: { ipv4?: number; ipv6?: number }, options: CarrierOptions<Report>) {
    this.ports = ports
    this.#worker = worker
    let isClosing = () => undefined as void
    this.#closed = new Promise((resolve) => (isClosing = resolve))
    let hasEnded = false
    const end = (error: Error | undefined): void => {
      if (hasEnded) return
      hasEnded = true
      isClosing()
      if (error !== undefined) options.onFailure(error)
    }
    worker.on('message', (letter: FromWorker<Report>) => {
      if (letter.type === 'items') this.#take(letter, options)
      else if (letter.type === 'closed') end(undefined)
      else if (letter.type === 'failed') end(new Error(letter.message))
    })
    worker.on('error', (error: unknown) => end(error instanceof Error ? error : new Error(String(error))))
    worker.on('exit', () => end(new Error('the lane’s worker ended')))
  }

  /** Starts a worker with `entry`, a module that calls `runLane`. Rejects if device or sockets cannot be opened. */
  static async open<Command extends object, Report>(
    entry: URL,
    { clockOrigin, ...options }: CarrierOptions<Report> & { clockOrigin: number },
  ): Promise<WorkerCarrier<Command, Report>> {
    const workerData: WorkerSetUp = { device: options.device, udp: options.udp, clockOrigin }
    const worker = new Worker(entry, { workerData, name: 'portreeve-lane' })
    const ports = await firstLetter(worker)
    return new WorkerCarrier(worker, ports, options)
  }

  sendDatagram(datagram: Datagram): void {
    this.#items.push({ ...datagram, type: 'datagram' })
  }

  tell(command: Command): void {
    this.#items.push({ type: 'command', command })
  }

  flush(): void {
    if (this.#items.length === 0) return
    const items = this.#items.map((item) => {
      if (item.type === 'datagram') return withOwnBytes(item)
      const command = withOwnBytes(item.command)
      // `withOwnBytes` copies one level only, and the input for the flows is one level deeper.
      if ('input' in command && typeof command.input === 'object' && command.input !== null) {
        return { type: 'command' as const, command: { ...command, input: withOwnBytes(command.input) } }
      }
      return { type: 'command' as const, command }
    })
    this.#items = []
    this.#post({ type: 'items', items })
  }

  async close(): Promise<void> {
    this.flush()
    this.#post({ type: 'close' })
    await this.#closed
    await this.#worker.terminate()
  }

  #take({ reports, datagrams }: Extract<FromWorker<Report>, { type: 'items' }>, options: CarrierOptions<Report>): void {
    for (const report of reports) options.onReport(report)
    if (datagrams.length === 0) return
    options.onDatagrams(datagrams)
    this.#post({ type: 'taken', datagrams: datagrams.length })
  }

  #post(letter: ToWorker<Command>): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's, not a window's
    this.#worker.postMessage(letter)
  }
}

/** Waits for the worker's first message: the UDP ports it has opened, or the error that it failed with. */
const firstLetter = (worker: Worker): Promise<{ ipv4?: number; ipv6?: number }> =>
  new Promise((resolve, reject) => {
    const onMessage = (letter: FromWorker<unknown>): void => {
      if (letter.type === 'opened') settle(() => resolve(letter.ports))
      else if (letter.type === 'refused')
        settle(() => reject(Object.assign(new Error(letter.message), { code: letter.code })))
    }
    const onError = (error: unknown): void =>
      settle(() => reject(error instanceof Error ? error : new Error(String(error))))
    const onExit = (): void => settle(() => reject(new Error('the lane’s worker ended')))
    const settle = (then: () => void): void => {
      worker.off('message', onMessage).off('exit', onExit)
      then()
    }
    worker.on('message', onMessage).on('error', onError).on('exit', onExit)
  })
