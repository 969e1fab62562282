// For each line `{"target","url","method","body","token"}` on standard input: connects to the target over and over, each time anew, makes
// the request once it is reached, and prints the milliseconds from the request's answer to the first connection attempt that was
// refused. Negative: it was begun, and refused, before the answer was there.
import { request } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

export interface WithdrawalRun {
  target: { address: string; port: number }
  method: string
  url: string
  body?: unknown
  token: string
}

/** How often an attempt is begun: what the result is exact to. */
const EVERY_MS = 2
const ATTEMPT_MS = 1_000
const PATIENCE_MS = 30_000

interface Attempt {
  beganAt: number
  outcome: 'pending' | 'reached' | 'refused'
}

const attempt = ({ address, port }: WithdrawalRun['target']): { made: Attempt; done: Promise<void> } => {
  const made: Attempt = { beganAt: performance.now(), outcome: 'pending' }
  const done = new Promise<void>((resolve) => {
    const socket = connect({ host: address, port })
    const end = (outcome: Attempt['outcome']): void => {
      if (made.outcome === 'pending') made.outcome = outcome
      socket.destroy()
      resolve()
    }
    socket.setTimeout(ATTEMPT_MS, () => end('refused'))
    socket.once('connect', () => end('reached'))
    socket.once('error', () => end('refused'))
  })
  return { made, done }
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

const untilReached = async (target: WithdrawalRun['target']): Promise<void> => {
  const end = performance.now() + PATIENCE_MS
  for (;;) {
    const { made, done } = attempt(target)
    await done
    if (made.outcome === 'reached') return
    if (performance.now() > end) throw new Error(`${target.address} is not reached`)
    await pause(50)
  }
}

const answer = ({ method, url, body, token }: WithdrawalRun): Promise<number> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const asked = request(url, { method, headers }, (response) => {
      response.once('readable', () => {
        if ((response.statusCode ?? 500) < 300) resolve(performance.now())
        else reject(new Error(`${method} ${url}: ${response.statusCode ?? 0}`))
        response.resume()
      })
      response.once('end', () => resolve(performance.now()))
    })
    asked.once('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })

const measure = async (run: WithdrawalRun): Promise<number> => {
  await untilReached(run.target)
  const attempts: Attempt[] = []
  const timer = setInterval(() => attempts.push(attempt(run.target).made), EVERY_MS)
  try {
    await pause(100)
    const answeredAt = await answer(run)
    const end = performance.now() + PATIENCE_MS
    for (;;) {
      const first = attempts.find(({ outcome }) => outcome !== 'reached')
      if (first?.outcome === 'refused') return first.beganAt - answeredAt
      if (performance.now() > end) throw new Error('it was never refused')
      await pause(5)
    }
  } finally {
    clearInterval(timer)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const outcome = await measure(JSON.parse(line) as WithdrawalRun).then(
    (ms) => ({ ms }),
    (error: unknown) => ({ error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(outcome)}\n`)
}
