import type { PointName } from '../contract/contracts.ts'
import type { DeclaredFacts, Extension } from '../contract/extension-point.ts'
import type { SaidBy } from '../contract/facts.ts'
import { hasSettings } from './declaration.ts'
import type { Installation } from './install-plugins.ts'

/** Loaded plugin as lists show it, in the spelling of the API. */
export interface DescribedPlugin {
  name: string
  version: string
  /** Name in the configuration: `builtin:condition-x`, or an npm package. */
  package: string
  description: string | null
  /** Thread that its questions are answered in: the host's, or one of its own. */
  isolation: 'none' | 'worker'
  provides: DescribedExtension[]
}

/** Implementation that a loaded plugin provides. */
export interface DescribedExtension {
  point: PointName
  key: string
  /** JSON Schema of the settings, in which secrets have `writeOnly: true`; null at a point without settings. */
  settings: Record<string, unknown> | null
  /** Facts that it reads: of the request, and of each candidate gateway. */
  reads: DescribedFact[]
  /** Fact that it brings; null for all but fact sources. */
  brings: BroughtFactDescription | null
}

export interface DescribedFact {
  name: string
  about: 'request' | 'candidate'
  /** Part of the system that says it: what a client or a gateway says is not proven. */
  said_by: SaidBy
  /** Whether the implementation is asked also while the fact is unknown. */
  is_optional: boolean
}

export interface BroughtFactDescription {
  name: string
  said_by: SaidBy
  /** Fact by whose value it is looked up; null for one that each client says of its machine. */
  by: string | null
  every_ms: number
  good_for_ms: number
  /** JSON Schema of the value. */
  value: Record<string, unknown>
}

/** Describes the plugins that a host has loaded, in the order of its configuration. */
export const describedPlugins = ({ plugins, extensions }: Installation): DescribedPlugin[] =>
  plugins.map(({ name, version, use, description = null, isIsolated, provides }) => ({
    name,
    version,
    package: use,
    description,
    isolation: isIsolated ? 'worker' : 'none',
    provides: provides.flatMap(({ point, key }) => {
      const extension = extensions.get(point)?.get(key)
      return extension === undefined ? [] : [described(point, extension)]
    }),
  }))

const described = (point: PointName, extension: Extension<unknown>): DescribedExtension => {
  const { key, settings, facts, candidateFacts, brings } = extension
  return {
    point,
    key,
    settings: hasSettings(point) ? settings.jsonSchema() : null,
    // A selector is asked whatever is unknown.
    reads: [...read(facts, point === 'gateway-selectors'), ...read(candidateFacts, true)],
    brings:
      brings === undefined
        ? null
        : {
            name: brings.fact.name,
            said_by: brings.fact.from,
            by: brings.fact.by?.name ?? null,
            every_ms: brings.everyMs,
            good_for_ms: brings.goodForMs,
            value: brings.schema.jsonSchema(),
          },
  }
}

const read = (facts: DeclaredFacts, isOptional: boolean): DescribedFact[] =>
  Object.values(facts).map((fact) => ({
    name: fact.name,
    about: fact.about,
    said_by: fact.from,
    is_optional: isOptional || fact.isOptional,
  }))
