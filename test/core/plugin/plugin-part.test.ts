import { expect } from 'chai'
import { beforeEach, describe, it } from 'mocha'
import { OperatorError } from '../../../core/config/operator-error.ts'
import { PLUGIN_START_MS, PLUGIN_STOP_MS, pluginParts } from '../../../core/plugin/plugin-part.ts'
import { Lifecycle, type Startable } from '../../../core/runtime/lifecycle.ts'
import { RecordingLogger } from '../../kit/recording-logger.ts'
import { VirtualClock } from '../../kit/virtual-clock.ts'

const never = (): Promise<void> => new Promise(() => undefined)
/** Lets everything happen that waits for no time. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('X2 the life of what plugins create', () => {
  let clock: VirtualClock
  let logger: RecordingLogger
  let lifecycle: Lifecycle
  let log: string[]

  beforeEach(() => {
    clock = new VirtualClock()
    logger = new RecordingLogger()
    lifecycle = new Lifecycle()
    log = []
  })

  const part = (name: string, more: Startable = {}) => ({
    plugin: `plugin-${name}`,
    part: {
      start: () => (log.push(`start ${name}`), more.start?.()),
      stop: () => (log.push(`stop ${name}`), more.stop?.()),
    },
  })
  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    )
  const start = (...parts: ReturnType<typeof part>[]): Promise<unknown> =>
    failureOf(lifecycle.start(pluginParts(parts, { clock, logger })))

  it('a start that never returns stops the host’s start after 30 s, names the plugin, and stops those begun', async () => {
    const started = start(part('first'), part('hanging', { start: never }), part('after'))
    await settled()
    clock.advance(PLUGIN_START_MS - 1)
    await settled()
    expect(log).to.deep.equal(['start first', 'start hanging'])
    clock.advance(1)
    const failure = await started
    expect(failure).to.be.instanceOf(OperatorError)
    expect(failure).to.include({ code: 'PLUGIN_START_LATE' })
    expect(String(failure)).to.include('plugin-hanging has not started within 30 s')
    expect(log).to.deep.equal(['start first', 'start hanging', 'stop hanging', 'stop first'])
  })

  it('a start that fails stops the host’s start at once, and names the plugin', async () => {
    const failing = () => {
      throw new Error('no such file')
    }
    for (const failure of [
      await start(part('a', { start: failing })),
      await start(part('a', { start: async () => failing() })),
    ]) {
      expect(failure).to.include({ code: 'PLUGIN_START' })
      expect(String(failure)).to.include('plugin-a did not start: Error: no such file')
    }
    const own = new OperatorError('ROTA_URL', 'there is no rota.')
    expect(await start(part('b', { start: async () => Promise.reject(own) }))).to.equal(own)
  })

  it('stops that never return, or fail, are over after 10 s each or at once, named, and the others are stopped', async () => {
    const failing = () => {
      throw new Error('busy')
    }
    await start(part('a'), part('b', { stop: never }), part('c', { stop: failing }), part('d', { stop: never }))
    const stopped = failureOf(lifecycle.stop())
    for (const _ of [1, 2]) {
      await settled()
      clock.advance(PLUGIN_STOP_MS - 1)
      await settled()
      clock.advance(1)
    }
    expect(await stopped).to.equal(undefined)
    expect(log.slice(4)).to.deep.equal(['stop d', 'stop c', 'stop b', 'stop a'])
    expect(logger.lines.map(({ level, fields }) => [level, fields['plugin'], fields['code']])).to.deep.equal([
      ['warn', 'plugin-d', 'PLUGIN_STOP_LATE'],
      ['warn', 'plugin-c', 'PLUGIN_STOP'],
      ['warn', 'plugin-b', 'PLUGIN_STOP_LATE'],
    ])
    expect(logger.lines[1]?.fields['reason']).to.equal('Error: busy')
  })

  it('leaves no alarm behind where all return in time', async () => {
    expect(await start(part('a'), part('b', { start: async () => settled() }))).to.equal(undefined)
    expect(await failureOf(lifecycle.stop())).to.equal(undefined)
    expect(clock.nextAlarm()).to.equal(undefined)
    expect(logger.lines).to.deep.equal([])
  })
})
