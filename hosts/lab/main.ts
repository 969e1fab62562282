import { createRequire } from 'node:module'
import { join } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { ADMIN_HEADER, Lab, enter } from './lab.ts'
import { portreeve } from './program.ts'
import { SCENARIOS } from './scenarios.ts'
import { walk, type StepReport } from './step.ts'
import { PORTAL_URL } from './topology.ts'
import { World } from './world.ts'

const PROVIDER_PACKAGE = 'oidc-provider'

export interface LabOptions {
  scenario: string
  /** Whether to end after the scenario. */
  once: boolean
  /** Whether to print the reports as one JSON document in the last line. */
  json: boolean
  /** Whether to keep the run's folder. */
  keepFiles: boolean
  output: { print: (text: string) => void; tell: (text: string) => void }
  /** Resolves at the first signal to end. */
  ending: Promise<string>
}

/**
 * Starts the whole system, runs a scenario, and takes everything down again, whatever the outcome.
 * @returns whether every step succeeded
 * @throws OperatorError LAB_NEEDS_ROOT, LAB_NEEDS_PACKAGE, USAGE
 */
export const runLab = async ({ scenario, once, json, keepFiles, output, ending }: LabOptions): Promise<boolean> => {
  const steps = SCENARIOS[scenario]
  if (steps === undefined) {
    throw new OperatorError(
      'USAGE',
      `there is no scenario "${scenario}".`,
      `There is: ${Object.keys(SCENARIOS).join(', ')}.`,
    )
  }
  if (process.getuid?.() !== 0) {
    throw new OperatorError(
      'LAB_NEEDS_ROOT',
      'the lab makes network namespaces and TUN devices, which takes root.',
      'Run it with sudo; npm test needs no root and skips what does.',
    )
  }
  needProvider()
  // If the result is JSON, standard output has nothing but the document.
  const show = json ? output.tell : output.print
  const began = performance.now()
  const lab = await Lab.open().catch((error: unknown) => {
    const ms = Math.round(performance.now() - began)
    const steps: StepReport[] = [{ name: 'the machines and their networks', ok: false, ms, detail: String(error) }]
    if (json) output.print(JSON.stringify({ ok: false, steps }))
    throw error
  })
  const interrupted = Promise.race([ending.then((signal) => `ended by ${signal}`), lab.crashed])
  try {
    show(`Namespaces of this run begin with pr-${lab.run.id}- (${Math.round(performance.now() - began)} ms)`)
    const reports = await walk(steps, new World(lab), { onReport: (report) => show(describe(report)), interrupted })
    const ok = reports.every((report) => report.ok)
    show(`${ok ? 'Every step held' : 'Not every step held'}: ${seconds(performance.now() - began)}.`)
    if (!once && ok) {
      show(playOn(lab))
      show(`Ending: ${await interrupted}`)
    }
    if (json) output.print(JSON.stringify({ ok, steps: reports }))
    await lab.close({ keepFiles })
    return ok
  } catch (error) {
    // The first error is the cause; an error in cleaning up is only reported.
    await lab.close({ keepFiles }).catch((also: unknown) => output.tell(`portreeve: cleaning up: ${String(also)}`))
    throw error
  } finally {
    if (keepFiles) output.tell(`Configuration and logs are in ${lab.run.path} until the next start`)
  }
}

/**
 * Checks that the lab's identity provider is installed: it is a development dependency, which the npm package does not
 * bring.
 */
const needProvider = (): void => {
  try {
    createRequire(import.meta.url).resolve(PROVIDER_PACKAGE)
  } catch (cause) {
    throw new OperatorError(
      'LAB_NEEDS_PACKAGE',
      `the lab's identity provider is the package ${PROVIDER_PACKAGE}, which is not installed.`,
      `Run \`npm start\` in a clone of the repository, or: npm install ${PROVIDER_PACKAGE}@9`,
      { cause },
    )
  }
}

const describe = ({ name, ok, ms, detail }: StepReport): string =>
  `${ok ? '✔' : '✘'} ${name} (${ms} ms)\n    ${detail.split('\n').join('\n    ')}`

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const playOn = (lab: Lab): string => `
The portal is at ${PORTAL_URL}, inside of the lab. To play on, be on the client's machine:

  ${enter(lab.part('client'))}
    curl http://gitlab.example.org/                 a page through the tunnel
    dig +short gitlab.example.org                   the mapped address
    curl -H @${join(lab.run.path, ADMIN_HEADER)} ${PORTAL_URL}/api/v1/policies
    PORTREEVE_SOCKET=${lab.clientSocket} node ${portreeve('client', 'status').join(' ')}

Configuration and logs are in ${lab.run.path}. Ctrl-C ends it all.`
