import type { ApiCall, ApiCaller, ApiCalls, ApiOutcome } from './call-api.ts'
import { SECTIONS, type SectionKind, type WireRow } from './access-file-body.ts'
import { Problem, type FieldProblem } from '../http/problem.ts'

/** Most problems that a refusal names. */
const MOST_PROBLEMS = 32
const PAGE = 100

/**
 * Refusals after which nothing more is tried: PostgreSQL does nothing more once it has refused a row, and what goes with a
 * row is costly to say.
 */
const ENDING = new Set(['conflict', 'in_use'])

/** Members of the API's bodies that an access file calls otherwise. */
const SPELLINGS: Readonly<Record<string, string>> = { site_id: 'site', group_id: 'group', resource_id: 'resource' }

/** Rows of an account as an access file writes them, by the operations of the API; refusals are collected. */
export class AccessFileRows {
  readonly #calls: ApiCalls
  readonly #caller: ApiCaller
  readonly #rows = new Map<SectionKind, Map<string, WireRow>>()
  readonly #problems: FieldProblem[] = []
  #first: Problem | undefined

  constructor(calls: ApiCalls, caller: ApiCaller) {
    this.#calls = calls
    this.#caller = caller
  }

  /** Returns all rows of a kind by id, as they are at present; read once. @throws Problem if the caller may not read them */
  async of(kind: SectionKind): Promise<Map<string, WireRow>> {
    const known = this.#rows.get(kind)
    if (known !== undefined) return known
    const rows = new Map<string, WireRow>()
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: Record<string, string> = { limit: String(PAGE), ...(cursor === '' ? {} : { cursor }) }
      const outcome: ApiOutcome<Page> = await this.#calls.call<Page>(this.#caller, {
        method: 'GET',
        path: `/${kind}`,
        query,
      })
      if (!outcome.ok) throw outcome.problem
      for (const row of outcome.body.data) rows.set(row.id, row)
      cursor = outcome.body.next_cursor
    }
    this.#rows.set(kind, rows)
    return rows
  }

  /** Carries out a call for an object of the file; undefined if it was refused. @throws Problem if that was one too many */
  async call(at: string, call: ApiCall): Promise<WireRow | undefined> {
    const outcome = await this.#calls.call<WireRow | undefined>(this.#caller, call)
    if (!outcome.ok) {
      this.#first ??= outcome.problem
      this.#problems.push(...fieldsAt(at, outcome.problem))
      if (ENDING.has(outcome.problem.code) || this.#problems.length >= MOST_PROBLEMS) this.check()
      return undefined
    }
    const [, kind = '', id = ''] = call.path.split('/')
    const rows = this.#rows.get(kind as SectionKind)
    if (call.method === 'DELETE') rows?.delete(id)
    else if (isSection(kind) && outcome.body?.id !== undefined) rows?.set(outcome.body.id, outcome.body)
    return outcome.body ?? { id }
  }

  /** Notes a problem of the file. */
  refuse(path: string, message: string): undefined {
    this.#problems.push({ path, message })
    if (this.#problems.length >= MOST_PROBLEMS) this.check()
    return undefined
  }

  /** Whether a call was refused or a problem noted. */
  get isRefused(): boolean {
    return this.#problems.length > 0
  }

  /** Ends the work if anything was refused. @throws Problem with all problems so far */
  check(): void {
    if (!this.isRefused) return
    const { status = 422 } = this.#first ?? {}
    const [first] = this.#problems
    const more = this.#problems.length - 1
    const detail =
      `Nothing was done. ${first?.path}: ${first?.message}${more > 0 ? `, and ${more} more` : ''}.`.replace('..', '.')
    throw new Problem(status, 'access_file_refused', detail, {
      errors: this.#problems,
      conflictingId: this.#first?.conflictingId,
    })
  }
}

interface Page {
  data: WireRow[]
  next_cursor: string | null
}

const isSection = (kind: string): boolean => Object.values(SECTIONS).some((each) => each === kind)

const fieldsAt = (at: string, { errors, code, detail }: Problem): FieldProblem[] =>
  errors === undefined
    ? [{ path: at, message: `${code}: ${detail}` }]
    : errors.map(({ path, message }) => ({ path: path === '(top)' ? at : `${at}.${SPELLINGS[path] ?? path}`, message }))
