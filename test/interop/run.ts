// `npm run interop [-- --json] [-- --steady SECONDS] [-- --only CLIENT-GATEWAY]`: Portreeve's client and gateway and
// those of released peers, in every pairing, through a list of what people do and then for longer than three rekeys.
// The executables are named by FIREZONE_CLIENT and FIREZONE_GATEWAY (several as in PATH), which are tried in the dialect
// that they speak. Exit codes: 0 everything held, 1 something did not, 2 a variable or a right is missing,
// or an option makes no sense.
import { walk, type StepReport } from '../../hosts/lab/step.ts'
import { loadAddon } from '../../hosts/runtime/native/addon.ts'
import { LIST } from './list.ts'
import { Pair, type Spoken } from './pair.ts'
import { lacking, pairingsOf, programName, programsOf, WANTED } from './program.ts'
import { stayReached, type Steady } from './steady.ts'

interface Outcome {
  client: { program: string } & Partial<Spoken>
  gateway: { program: string } & Partial<Spoken>
  ok: boolean
  steps: StepReport[]
  steady?: Steady
}

const REKEYS_SECONDS = 400

const asJson = process.argv.includes('--json')
const valueOf = (option: string): string | undefined => {
  const at = process.argv.indexOf(option)
  return at < 0 ? undefined : process.argv[at + 1]
}
const steadySeconds = Number(valueOf('--steady') ?? REKEYS_SECONDS)
const only = valueOf('--only')
const show = (text: string): void => void process.stderr.write(`${text}\n`)

const refuse = (code: string, words: readonly string[], more: object = {}): never => {
  for (const line of words) show(line)
  if (asJson) process.stdout.write(`${JSON.stringify({ ok: false, code, ...more })}\n`)
  process.exit(2)
}

const missing = lacking(process.env)
if (missing.length > 0) {
  refuse(
    'INTEROP_NEEDS_PROGRAM',
    [
      'npm run interop needs executables of released peers, which are no part of this project:',
      ...missing.map((name) => `  ${name}: ${WANTED[name]}`),
      'A released package has them, or build them from their published source. Several, as of both dialects, are separated by a colon.',
    ],
    { wants: Object.fromEntries(missing.map((name) => [name, WANTED[name]])) },
  )
}
const chosen = pairingsOf(programsOf(process.env), only)
if (chosen.length === 0 || !(steadySeconds >= 0)) {
  refuse('INTEROP_OPTION', [
    `--only takes one of portreeve-portreeve, portreeve-released, released-portreeve and released-released,`,
    `--steady a number of seconds (0: none); here they are ${only ?? '(all)'} and ${valueOf('--steady') ?? steadySeconds}.`,
  ])
}
if (process.getuid?.() !== 0)
  refuse('LAB_NEEDS_ROOT', ['the lab makes network namespaces and TUN devices: run it as root.'])
loadAddon()

const outcomes: Outcome[] = []
const open: { pair: Pair; outcome: Outcome }[] = []
const interruption = new Promise<string>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(`ended by ${signal}`))
})
try {
  for (const pairing of chosen) {
    const pair = await Pair.open(pairing)
    const outcome: Outcome = {
      client: { program: programName(pairing.client) },
      gateway: { program: programName(pairing.gateway) },
      ok: false,
      steps: [],
    }
    outcomes.push(outcome)
    open.push({ pair, outcome })
    show(`\nclient ${outcome.client.program}, gateway ${outcome.gateway.program}`)
    outcome.steps = await walk(LIST, pair, {
      onReport: ({ name, ok, ms, detail }) => show(`${ok ? '✔' : '✘'} ${name} (${ms} ms)\n    ${detail}`),
      interrupted: Promise.race([interruption, pair.world.lab.crashed]),
    })
    outcome.ok = outcome.steps.every(({ ok }) => ok)
    for (const role of ['client', 'gateway'] as const) Object.assign(outcome[role], await pair.spoken(role))
    if (!outcome.ok) for (const part of ['client', 'gateway-1', 'gateway-2']) show(pair.world.lab.lastWords(part))
  }
  const steady = open.filter(({ outcome }) => outcome.ok && steadySeconds > 0)
  if (steady.length > 0) show(`\n${steady.length} pairs for ${steadySeconds} s`)
  await Promise.all(
    steady.map(async ({ pair, outcome }) => {
      outcome.steady = await stayReached(pair, steadySeconds)
      const { requests, failed, first } = outcome.steady
      outcome.ok = failed === 0
      show(
        `${outcome.client.program}, ${outcome.gateway.program}: ${requests} requests, ${failed} failed${first === undefined ? '' : `: ${first}`}`,
      )
    }),
  )
} finally {
  for (const { pair } of open) await pair.close().catch((error: unknown) => show(`cleaning up: ${String(error)}`))
}
const ok = outcomes.length > 0 && outcomes.every((outcome) => outcome.ok)
if (asJson) process.stdout.write(`${JSON.stringify({ ok, pairs: outcomes })}\n`)
process.exit(ok ? 0 : 1)
