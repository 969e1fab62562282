import { setTimeout as delay } from 'node:timers/promises'
import { OperatorError } from '../../core/config/operator-error.ts'
import type { CommandContext } from './context.ts'
import { ExitCode } from './exit-code.ts'
import { findingLines, unknown, type Finding, type Part } from './finding.ts'

/** Time after which people are told what is still being looked at. */
const SLOW_MS = 1_500

/** Findings of one run, shown to people as they come. */
export class Diagnosis {
  readonly findings: Finding[] = []
  readonly #output: CommandContext['output']
  readonly #isShown: boolean
  /** Finding that access is denied, whose code is the portal's reason. */
  #denial: Finding | undefined

  /** `isShown`: whether findings are printed as they come. */
  constructor({ output, isShown }: { output: CommandContext['output']; isShown: boolean }) {
    this.#output = output
    this.#isShown = isShown
  }

  add(...findings: readonly Finding[]): void {
    this.findings.push(...findings)
    if (this.#isShown) for (const finding of findings) this.#output.print(findingLines(finding))
  }

  /** Adds the finding that access is denied. */
  addDenial(finding: Finding): void {
    this.#denial = finding
    this.add(finding)
  }

  /** Looks at one part; its error becomes a finding. `what` is told to people where it takes long. */
  async look(part: Part, what: string, find: () => Promise<readonly Finding[]>): Promise<void> {
    const done = new AbortController()
    const { signal } = done
    void delay(SLOW_MS, undefined, { signal }).then(
      () => this.#output.tell(`${what} …`),
      () => undefined,
    )
    try {
      this.add(...(await find()))
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      this.add(unknown(part, `${error.message} (${error.code})`))
    } finally {
      done.abort()
    }
  }

  /** Exit code: signed out, denied, not reached, or another fault; of several the one that is found first. */
  get code(): ExitCode {
    const [first] = this.findings.filter(({ state }) => state === 'wrong')
    if (first === undefined) return ExitCode.done
    if (first.code === 'signed_out') return ExitCode.signedOut
    if (first === this.#denial) return ExitCode.denied
    return first.part === 'machine' || first.part === 'clock' ? ExitCode.failed : ExitCode.unreachable
  }

  /** Says how many faults there are, in a line. */
  get summary(): string {
    const faults = this.findings.filter(({ state }) => state === 'wrong').length
    if (faults === 0) return 'Nothing is wrong.'
    return faults === 1 ? 'One thing is wrong.' : `${faults} things are wrong; begin with the first.`
  }
}
