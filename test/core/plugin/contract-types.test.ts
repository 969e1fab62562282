import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { z as zod } from 'zod'
import {
  Clock,
  definePlugin,
  fact,
  Facts,
  FactSources,
  GatewaySelectors,
  HttpClient,
  IdentityProviders,
  type Identity,
  optional,
  PolicyConditions,
  TunnelTransports,
  UpstreamResolvers,
  z,
  type ConditionQuestion,
  type ConditionVerdict,
  type FactSource,
  type PolicyCondition,
  type UpstreamResolver,
} from '../../../core/index.ts'

// Lines that compile, and lines that do not. Each directive stands directly above the line of the compiler's error: if
// that line compiles, the directive itself fails the build.

const Ranges = z.strictObject({ ranges: z.array(z.string()) })
type Ranges = zod.output<typeof Ranges>

class InRanges implements PolicyCondition<Ranges> {
  readonly #clock: Clock
  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock
  }
  evaluate({ settings, at }: ConditionQuestion<Ranges>): ConditionVerdict {
    return { holds: settings.ranges.length > 0 && at > this.#clock.unix(), reason: 'in a range' }
  }
}

const readingFiles: UpstreamResolver<{ path: string }> = {
  describe: ({ path }) => path,
  resolve: ({ settings: { path } }) => Promise.resolve({ type: 'failed', code: 'refused', reason: path }),
}
const refusing: UpstreamResolver = {
  resolve: () => Promise.resolve({ type: 'failed', code: 'refused', reason: 'nobody is asked' }),
}

const Duty = fact('oncall.duty', z.number(), { by: Facts.actor.email })
const OWN = { fact: fact('disk.encrypted', z.boolean(), { from: 'client' }), everyMs: 1_000, goodForMs: 30_000 }
const duty: FactSource<number> = { refresh: () => Promise.resolve({ values: { 'ada@example.org': 1 }, otherwise: 0 }) }

const known: Identity = { issuer: 'x', subject: 'y', emailVerified: false, groups: ['a'], claims: { a: [{ b: null }] } }

const fits = definePlugin({
  name: 'fits',
  api: 1,
  config: z.strictObject({ url: z.url(), everyMs: z.number().default(60) }),
  setup({ provide, config, context }) {
    const everyMs: number = config.everyMs
    const folder: string = context.folder
    provide(PolicyConditions, 'class', {
      settings: Ranges,
      needs: { clock: Clock },
      create: (needs) => new InRanges(needs),
    })
    provide(PolicyConditions, 'object', {
      settings: Ranges,
      facts: { address: Facts.client.address, isVerified: optional(Facts.device.isVerified) },
      create: () => ({
        evaluate: ({ settings, facts }) => ({
          holds: settings.ranges.includes(facts.address.value) && facts.isVerified?.value === true,
          reason: `every ${everyMs} ms, in ${folder}`,
        }),
      }),
    })
    provide(GatewaySelectors, 'fewest', {
      facts: { address: Facts.client.address },
      candidateFacts: { clients: Facts.gateway.clients },
      create: () => ({
        select: ({ candidates, facts }) => {
          const [first] = candidates
          const clients: number | undefined = first.facts.clients?.value
          return { gatewayId: first.id, reason: `it has ${clients} clients, for ${facts.address?.value ?? 'anybody'}` }
        },
      }),
    })
    provide(FactSources, 'duty', { fact: Duty, everyMs, goodForMs: 3 * everyMs, create: () => duty })
    provide(FactSources, 'own', { ...OWN, create: () => ({ refresh: () => Promise.resolve({ value: true }) }) })
    provide(PolicyConditions, 'on-duty', {
      facts: { duty: Duty },
      create: () => ({
        evaluate: ({ facts }) => ({ holds: facts.duty.value.toFixed() === '1', reason: facts.duty.source }),
      }),
    })
    provide(IdentityProviders, 'signs-out', {
      settings: z.strictObject({ home: z.string() }),
      create: () => ({
        begin: () => Promise.resolve({ type: 'identified', identity: known }),
        proceed: () => Promise.resolve({ type: 'identified', identity: { ...known, authentication: {} } }),
        signOut: ({ settings: { home }, hint = '' }) => Promise.resolve({ type: 'redirect', url: home + hint }),
      }),
    })
    provide(IdentityProviders, 'keeps', {
      keep: z.strictObject({ state: z.string() }),
      create: () => ({
        begin: ({ callbackUrl }) => Promise.resolve({ type: 'redirect', url: callbackUrl, keep: { state: 'x' } }),
        proceed: ({ keep: { state } }) =>
          Promise.resolve({ type: 'identified', identity: { issuer: 'x', subject: state, emailVerified: false } }),
      }),
    })
  },
})

const doNotCompile = definePlugin({
  name: 'do-not-compile',
  api: 1,
  setup({ provide }) {
    provide(PolicyConditions, 'wrong-schema', {
      settings: z.strictObject({ from: z.number() }),
      needs: { clock: Clock },
      // @ts-expect-error Property 'ranges' is missing in type '{ from: number; }' but required in type '{ ranges: string[]; }'.
      create: (needs) => new InRanges(needs),
    })
    provide(PolicyConditions, 'missing-schema', {
      needs: { clock: Clock },
      // @ts-expect-error Property 'ranges' is missing in type 'NoSettings' but required in type '{ ranges: string[]; }'.
      create: (needs) => new InRanges(needs),
    })
    provide(PolicyConditions, 'wrong-port', {
      settings: Ranges,
      needs: { clock: HttpClient },
      // @ts-expect-error Type 'HttpClient' is missing the following properties from type 'Clock'.
      create: (needs) => new InRanges(needs),
    })
    provide(PolicyConditions, 'missing-port', {
      settings: Ranges,
      // @ts-expect-error Property 'clock' is missing in type '{}' but required in type '{ clock: Clock; }'.
      create: (needs) => new InRanges(needs),
    })
    provide(PolicyConditions, 'missing-method', {
      // @ts-expect-error Property 'evaluate' is missing in type '{ judge: () => boolean; }'.
      create: () => ({ judge: () => true }),
    })
    provide(PolicyConditions, 'undeclared-fact', {
      facts: { address: Facts.client.address },
      // @ts-expect-error Property 'groups' does not exist on type '{ address: Fact<string>; }'.
      create: () => ({ evaluate: ({ facts }) => ({ holds: facts.groups.value.length > 0, reason: 'x' }) }),
    })
    provide(PolicyConditions, 'unsure-fact', {
      facts: { address: optional(Facts.client.address) },
      // @ts-expect-error 'facts.address' is possibly 'undefined'.
      create: () => ({ evaluate: ({ facts }) => ({ holds: facts.address.value === '', reason: 'x' }) }),
    })
    provide(PolicyConditions, 'fact-of-a-candidate', {
      // @ts-expect-error Type '"candidate"' is not assignable to type '"request"'.
      facts: { clients: Facts.gateway.clients },
      create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }),
    })
    provide(PolicyConditions, 'candidates', {
      // @ts-expect-error … is not assignable to type '"only gateway selectors see candidates"'.
      candidateFacts: { clients: Facts.gateway.clients },
      create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }),
    })
    provide(FactSources, 'value-of-another-type', {
      fact: Duty,
      everyMs: 1_000,
      goodForMs: 3_000,
      // @ts-expect-error Type 'string' is not assignable to type 'number'.
      create: () => ({ refresh: () => Promise.resolve({ values: { 'ada@example.org': 'tonight' } }) }),
    })
    // @ts-expect-error Property 'goodForMs' is missing …
    provide(FactSources, 'no-end', { fact: Duty, everyMs: 1_000, create: () => duty })
    provide(PolicyConditions, 'brings-a-fact', {
      // @ts-expect-error … is not assignable to type '"only fact sources bring a fact"'.
      fact: Duty,
      create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }),
    })
    // @ts-expect-error … changes values: its input is another type than its output.
    fact('oncall.other', z.string().default('none'), { by: Facts.actor.email })
    // @ts-expect-error A fact has one origin.
    fact('oncall.both', z.string(), { by: Facts.actor.email, from: 'client' })
    // @ts-expect-error Only clients say facts of their machines.
    fact('oncall.gateway', z.string(), { from: 'gateway' })
    // @ts-expect-error Type 'number' is not assignable to type 'boolean'.
    provide(FactSources, 'wrong-own', { ...OWN, create: () => ({ refresh: () => Promise.resolve({ value: 1 }) }) })
    // @ts-expect-error A table is looked up by a text.
    fact('oncall.third', z.string(), { by: Facts.device.isVerified })
    provide(UpstreamResolvers, 'facts-at-a-resolver', {
      // @ts-expect-error … is not assignable to type '"this point reads no facts"'.
      facts: { address: Facts.client.address },
      create: () => refusing,
    })
    provide(UpstreamResolvers, 'settings-without-schema', {
      // @ts-expect-error Property 'path' is missing in type 'NoSettings' but required in type '{ path: string; }'.
      create: () => readingFiles,
    })
    provide(UpstreamResolvers, 'wrong-schema', {
      settings: z.strictObject({ file: z.string() }),
      // @ts-expect-error Property 'path' is missing in type '{ file: string; }' but required in type '{ path: string; }'.
      create: () => readingFiles,
    })
    provide(TunnelTransports, 'wrong-contract', {
      // @ts-expect-error Type 'UpstreamResolver' is missing the following properties from type 'TunnelTransport'.
      create: () => refusing,
    })
    provide(IdentityProviders, 'signs-out-by-a-prompt', {
      create: () => ({
        begin: () => Promise.resolve({ type: 'identified', identity: known }),
        proceed: () => Promise.resolve({ type: 'identified', identity: known }),
        // @ts-expect-error Type '"prompt"' is not assignable to type '"redirect" | "done"'.
        signOut: () => Promise.resolve({ type: 'prompt' }),
      }),
    })
    provide(IdentityProviders, 'keeps-undeclared', {
      create: () => ({
        // @ts-expect-error … 'state' does not exist in type 'NoKeep'.
        begin: ({ callbackUrl }) => Promise.resolve({ type: 'redirect', url: callbackUrl, keep: { state: 'x' } }),
        proceed: () => Promise.reject(new Error('x')),
      }),
    })
    provide(IdentityProviders, 'keeps-what-is-not-flat', {
      // @ts-expect-error Type 'string[]' is not assignable to type 'string | number | boolean | undefined'.
      keep: z.strictObject({ list: z.array(z.string()) }),
      create: () => {
        throw new Error('x')
      },
    })
    provide(PolicyConditions, 'older-zod', {
      // @ts-expect-error Property 'jsonSchema' is missing in type 'StandardSchemaV1.Props…'.
      settings: olderZod,
      create: () => ({ evaluate: () => ({ holds: true, reason: 'x' }) }),
    })
  },
})

/** A schema as zod before 4.2 makes it: Standard Schema, without a JSON Schema of its own. */
declare const olderZod: {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: 'zod'
    readonly validate: (value: unknown) => { value: Ranges }
    readonly types?: { readonly input: Ranges; readonly output: Ranges } | undefined
  }
}

const asynchronous = definePlugin({
  name: 'asynchronous',
  api: 1,
  // @ts-expect-error Type 'Promise<undefined>' is not assignable to type 'undefined'.
  async setup() {
    await Promise.resolve()
    return undefined
  },
})

const unconfigured = definePlugin({
  name: 'unconfigured',
  api: 1,
  setup({ config }) {
    // @ts-expect-error Property 'url' does not exist on type 'NoConfig'.
    expect(config.url).to.equal(undefined)
  },
})

describe('the types of the plugin contract', () => {
  it('X3 the types of the plugin contract accept what fits and refuse the rest: the build has checked this file', () => {
    const names = [fits, doNotCompile, asynchronous, unconfigured].map(({ name }) => name)
    expect(names).to.deep.equal(['fits', 'do-not-compile', 'asynchronous', 'unconfigured'])
  })
})
