// Functions that register the suites' checks: those of the test runner that is there, or of `checksOf`.

/** One promise that a suite checks. */
export interface Check {
  /** Title, behind those of the groups that the check is in. */
  readonly title: string
  /** Checks it, with what the suite prepares and takes down. @throws whatever says that the promise is broken */
  readonly run: () => Promise<void>
}

type Work = () => unknown

interface Runner {
  describe: (title: string, body: () => void) => unknown
  it: (title: string, work: Work) => unknown
  before: (work: Work) => unknown
  after: (work: Work) => unknown
  afterEach: (work: Work) => unknown
}

/**
 * Checks of a suite, for a test runner without a global `describe` and `it`, such as node:test:
 * `for (const { title, run } of checksOf(() => policyConditionSuite('mine', { … }))) test(title, run)`.
 */
export const checksOf = (declare: () => void): readonly Check[] => {
  const recorder = new Recorder()
  const outer = chosen
  chosen = recorder
  try {
    declare()
  } finally {
    chosen = outer
  }
  return recorder.checks
}

export const describe = (title: string, body: () => void): void => void current().describe(title, body)
export const it = (title: string, work: Work): void => void current().it(title, work)
export const before = (work: Work): void => void current().before(work)
export const after = (work: Work): void => void current().after(work)
export const afterEach = (work: Work): void => void current().afterEach(work)

let chosen: Runner | undefined

const current = (): Runner => {
  if (chosen !== undefined) return chosen
  const global = globalThis as Partial<Runner> & { beforeAll?: Runner['before']; afterAll?: Runner['after'] }
  const { describe, it, afterEach, before = global.beforeAll, after = global.afterAll } = global
  if (
    describe === undefined ||
    it === undefined ||
    before === undefined ||
    after === undefined ||
    afterEach === undefined
  ) {
    throw new Error(
      'There is no test runner with a global describe and it. Run the file with mocha, or hand the checks of checksOf() to another runner.',
    )
  }
  return { describe, it, before, after, afterEach }
}

interface Group {
  readonly title: string
  readonly before: Work[]
  readonly after: Work[]
  readonly afterEach: Work[]
}

/** Collects checks instead of running them. Each of them, run alone, is prepared and cleaned up after alone. */
class Recorder implements Runner {
  readonly checks: Check[] = []
  #groups: readonly Group[] = []

  describe(title: string, body: () => void): void {
    const outer = this.#groups
    this.#groups = [...outer, { title, before: [], after: [], afterEach: [] }]
    body()
    this.#groups = outer
  }

  it(title: string, work: Work): void {
    const groups = this.#groups
    this.checks.push({
      title: [...groups.map((group) => group.title), title].join(' '),
      run: async () => {
        try {
          for (const each of groups.flatMap((group) => group.before)) await each()
          await work()
        } finally {
          for (const each of groups.toReversed().flatMap((group) => [...group.afterEach, ...group.after])) await each()
        }
      },
    })
  }

  before(work: Work): void {
    this.#groups.at(-1)?.before.push(work)
  }

  after(work: Work): void {
    this.#groups.at(-1)?.after.push(work)
  }

  afterEach(work: Work): void {
    this.#groups.at(-1)?.afterEach.push(work)
  }
}
