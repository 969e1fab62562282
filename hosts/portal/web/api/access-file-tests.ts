// Expectations in an access file: who can reach what, once the file is in force.
import { isIPv6 } from 'node:net'
import { findResources } from '../../explain/find.ts'
import type { ReachAfterQuestion } from '../../explain/reach-after.ts'
import type { Traffic } from '../../explain/access-question.ts'
import type { Entities, EntityName, Resource } from '../../store/entities.ts'
import type { Transaction } from '../../store/store.ts'
import { invalidBody, type FieldProblem } from '../http/problem.ts'
import { NamedActors } from './access-file-actors.ts'
import type { AccessTest, FileOutcome } from './access-file-body.ts'
import type { AccessFileRows } from './access-file-rows.ts'
import { unixTimeOf } from './body-fields.ts'
import type { ApiContext } from './endpoint.ts'
import { factsOf } from './explain.ts'
import type { ApiParts } from './parts.ts'
import { checkPermission } from './permit.ts'

type Verdict = FileOutcome['tests'][number]

/** Questions that are judged at a time, without other work in between. */
const AT_ONCE = 50

const SENTENCE = /^(?<actor>.+?) (?<can>can|cannot|can not|can’t|can't) reach (?<target>.+)$/s
const WITH_PORT = /^(?<name>.+):(?<port>\d{1,5})(?:\/(?<protocol>tcp|udp))?$/is

interface Asked {
  isExpected: boolean
  question: ReachAfterQuestion
}

/**
 * Judges the tests of an access file by the rows as the transaction leaves them, with the evaluator of real requests.
 * @throws Problem 422 for a test that names nobody, or nothing, that there is; 403 without the permission to explain
 */
export const judgedTests = async (
  ctx: ApiContext,
  {
    tests,
    rows,
    tx,
    decisions,
  }: { tests: readonly AccessTest[]; rows: AccessFileRows; tx: Transaction; decisions: ApiParts['decisions'] },
): Promise<Verdict[]> => {
  if (tests.length === 0) return []
  checkPermission(ctx, 'explain:read')
  const accountId = ctx.state.account.id
  const asked = await questionsOf(accountId, { tests, rows, tx })
  const verdicts: Verdict[] = []
  for (let from = 0; from < asked.length; from += AT_ONCE) {
    const some = asked.slice(from, from + AT_ONCE)
    const questions = some.map(({ question }) => question)
    const judged = await decisions.reachAfter({ accountId, changes: [...tx.changes], questions })
    for (const [place, { isReached, why }] of judged.entries()) {
      verdicts.push({
        expect: tests[from + place]?.expect ?? '',
        holds: isReached === some[place]?.isExpected,
        why,
      })
    }
  }
  return verdicts
}

/** Returns the problems of tests that do not hold. */
export const failedTests = (verdicts: readonly Verdict[]): FieldProblem[] =>
  verdicts.flatMap(({ expect, holds, why }, index) =>
    holds ? [] : [{ path: `tests[${index}]`, message: `${expect}: it is not so (${why})` }],
  )

const questionsOf = async (
  accountId: string,
  { tests, rows, tx }: { tests: readonly AccessTest[]; rows: AccessFileRows; tx: Transaction },
): Promise<Asked[]> => {
  const problems: FieldProblem[] = []
  const actors = new NamedActors((await rows.of('actors')).values())
  const resources = new ResourceRows(await tx.list('resources'))
  const isSignIn = tests.some(({ provider }) => provider !== undefined)
  const providers = isSignIn ? [...(await rows.of('identity_providers')).values()] : []
  const asked: Asked[] = []
  for (const [index, test] of tests.entries()) {
    const sentence = SENTENCE.exec(test.expect)?.groups
    const at = `tests[${index}].expect`
    if (sentence === undefined) {
      problems.push({ path: at, message: 'write ACTOR can reach RESOURCE:PORT, or cannot reach' })
      continue
    }
    const actor = actors.find(sentence['actor'] ?? '')
    const target = resources.find(accountId, sentence['target'] ?? '')
    if ('problem' in actor) problems.push({ path: at, message: actor.problem })
    if ('problem' in target) problems.push({ path: at, message: target.problem })
    const provider = providers.find(({ name }) => name === test.provider)
    if (test.provider !== undefined && provider === undefined)
      problems.push({ path: `tests[${index}].provider`, message: `there is no identity provider ${test.provider}` })
    if (!('id' in actor) || !('resourceIds' in target)) continue
    const { at: time, remote_ip, client_verified } = test
    asked.push({
      isExpected: sentence['can'] === 'can',
      question: {
        actorId: actor.id,
        ...target,
        at: time === undefined ? undefined : unixTimeOf(time),
        facts: factsOf({ remote_ip, client_verified, identity_provider_id: provider?.id }),
      },
    })
  }
  if (problems.length > 0) throw invalidBody(problems)
  return asked
}

/** Resources of an account by the texts that name them. */
class ResourceRows {
  readonly #rows: readonly Resource[]

  constructor(rows: readonly Resource[]) {
    this.#rows = rows
  }

  /** Finds what a text means: a name or an address, with a port behind it or without. */
  find(accountId: string, text: string): Pick<ReachAfterQuestion, 'resourceIds' | 'traffic'> | { problem: string } {
    const wanted = text.trim()
    const parts = WITH_PORT.exec(wanted)?.groups
    const isWhole = parts === undefined || isIPv6(wanted) || this.#rows.some(({ name }) => name === wanted)
    const name = isWhole ? wanted : (parts['name'] ?? '').replace(/^\[(.*)\]$/, '$1')
    const port = Number(parts?.['port'])
    if (!isWhole && (port < 1 || port > 65_535)) return { problem: `${port} is no port` }
    const found = findResources(this, accountId, name)
    if (found.length === 0) return { problem: `there is no resource ${name}` }
    const protocol = (parts?.['protocol']?.toLowerCase() ?? 'tcp') as Traffic['protocol']
    return { resourceIds: found.map(({ id }) => id), ...(isWhole ? {} : { traffic: { protocol, port } }) }
  }

  get<Name extends EntityName>(_: Name, id: string): Entities[Name] | undefined {
    return this.#rows.find((row) => row.id === id) as Entities[Name] | undefined
  }

  all<Name extends EntityName>(): IterableIterator<Entities[Name]> {
    return (this.#rows as readonly Entities[EntityName][] as readonly Entities[Name][]).values()
  }
}
