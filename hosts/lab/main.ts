import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { OperatorError } from '../../core/config/operator-error.ts'
import { commandEnvironment } from './command.ts'
import { ADMIN_HEADER, Lab, enter } from './lab.ts'
import type { BroughtPlugins } from './lab-plugins.ts'
import { portreeve } from './program.ts'
import { SCENARIOS } from './scenarios.ts'
import { walk, type StepReport } from './step.ts'
import { PORTAL_URL } from './topology.ts'
import { World } from './world.ts'
import { loadAddon } from '../runtime/native/addon.ts'

/** Packages of the organisation's identity provider and mail server, which the npm package does not bring. */
const PROVIDER_PACKAGES = ['oidc-provider@9', 'smtp-server@3']

export interface LabOptions {
  /** Name of the scenario; by default `story`, or `plugins` with plugins of others. */
  scenario: string | undefined
  /** Plugins of others that the hosts load, and what uses them. */
  brought?: BroughtPlugins
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
 * @throws OperatorError LAB_NEEDS_ROOT, LAB_NEEDS_COMMAND, LAB_NEEDS_PACKAGE, NATIVE_ADDON_MISSING, USAGE
 */
export const runLab = async (options: LabOptions): Promise<boolean> => {
  const { brought, once, json, keepFiles, output, ending } = options
  const { scenario = brought === undefined ? 'story' : 'plugins' } = options
  const chosen = SCENARIOS[scenario]
  if (chosen === undefined) {
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
  needCommands(scenario)
  // Client and gateways need it, and would say so only when the lab has run for a while.
  loadAddon()
  const missing = PROVIDER_PACKAGES.filter((name) => !isInstalled(name))
  if (chosen.needsProvider) needPackages(missing)
  // If the result is JSON, standard output has nothing but the document.
  const show = json ? output.tell : output.print
  const began = performance.now()
  const hasProvider = missing.length === 0
  const lab = await Lab.open({ hasProvider, routers: chosen.routers, ...(brought && { brought }) }).catch(
    (error: unknown) => {
      const ms = Math.round(performance.now() - began)
      const steps: StepReport[] = [{ name: 'the machines and their networks', ok: false, ms, detail: String(error) }]
      if (json) output.print(JSON.stringify({ ok: false, steps }))
      throw error
    },
  )
  const interrupted = Promise.race([ending.then((signal) => `ended by ${signal}`), lab.crashed])
  try {
    show(`Namespaces of this run begin with pr-${lab.run.id}- (${Math.round(performance.now() - began)} ms)`)
    const reports = await walk(chosen.steps, new World(lab), {
      onReport: (report) => show(describe(report)),
      interrupted,
    })
    const ok = reports.every((report) => report.ok)
    show(`${ok ? 'Every step held' : 'Not every step held'}: ${seconds(performance.now() - began)}.`)
    // Authors look into what does not hold with their plugin.
    const isOfUse = ok || (brought !== undefined && lab.isRunning('client'))
    if (!once && isOfUse) {
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

const isInstalled = (spec: string): boolean => {
  try {
    createRequire(import.meta.url).resolve(spec.slice(0, spec.indexOf('@')))
    return true
  } catch {
    return false
  }
}

const needPackages = (missing: readonly string[]): void => {
  if (missing.length === 0) return
  throw new OperatorError(
    'LAB_NEEDS_PACKAGE',
    `the lab's identity provider and mail server are packages that are not installed: ${missing.join(', ')}.`,
    `Run \`npm start\` in a clone of the repository, or: npm install --save-dev ${missing.join(' ')}`,
  )
}

/** Checks that the commands are there by which a scenario of the lab makes networks, and by which its people act. */
const needCommands = (scenario: string): void => {
  const text = readFileSync(new URL('commands.json', import.meta.url), 'utf8')
  const { scenarios, ...all } = JSON.parse(text) as Record<string, string> & {
    scenarios: Record<string, Record<string, string>>
  }
  const folders = (commandEnvironment()['PATH'] ?? '').split(delimiter)
  const missing = Object.entries({ ...all, ...scenarios[scenario] }).filter(
    ([command]) => !folders.some((folder) => existsSync(join(folder, command))),
  )
  if (missing.length === 0) return
  const packages = [...new Set(missing.map(([, name]) => name))]
  throw new OperatorError(
    'LAB_NEEDS_COMMAND',
    `these commands are missing: ${missing.map(([command]) => command).join(', ')}.`,
    `On Debian: apt-get install --no-install-recommends ${packages.join(' ')}`,
  )
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
