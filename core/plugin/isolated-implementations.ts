import type { FactSource } from '../contract/fact-source.ts'
import type { GatewaySelector } from '../contract/gateway-selector.ts'
import type { PolicyCondition } from '../contract/policy-condition.ts'
import type { SettingsSchema } from '../contract/extension-point.ts'
import type { Container } from '../di.ts'
import type { UnixTime } from '../runtime/time.ts'
import { readAnswer } from './caught-promises.ts'
import { createdImplementation, isStartable } from './created-implementation.ts'
import { checkDeclaration } from './declaration.ts'
import type { PluginContext } from './define-plugin.ts'
import { frozenCopy } from './frozen-copy.ts'
import type { AskedPoint } from './isolated-question.ts'
import type { PluginPart } from './plugin-part.ts'
import { runSetup, type PluginUse } from './plugin-setup.ts'
import { NO_SETTINGS, settingsSchema } from './settings-schema.ts'
import { synchronousAnswer } from './synchronous-answer.ts'

/** Question as it reaches the plugin's thread. */
export interface ThreadQuestion {
  point: AskedPoint
  key: string
  /** Settings that `validated` returned. */
  settings: unknown
  about: Readonly<Record<string, unknown>>
  at: UnixTime
}

interface Implementation {
  value: unknown
  settings: SettingsSchema
}

/** Members of an answer, by point. All of them are texts, numbers or booleans. */
const MEMBERS: Readonly<Record<AskedPoint, readonly string[]>> = {
  'policy-conditions': ['holds', 'reason', 'told', 'until', 'again'],
  'gateway-selectors': ['gatewayId', 'reason'],
}

/** Longest text of an answer: more is shown nowhere. */
const MAX_CHARACTERS = 4_000

/** Conditions, selectors and fact sources of one plugin, within the thread that it has for itself. */
export class IsolatedImplementations {
  readonly #implementations = new Map<string, Implementation>()
  /** Implementations that have a `start` or a `stop`. */
  readonly parts: PluginPart[] = []

  /**
   * Runs the plugin's `setup` and creates its implementations with ports of the container.
   * @throws OperatorError as `installPlugins` does
   */
  constructor(use: PluginUse, { container, context }: { container: Container; context: PluginContext }) {
    const { definition, source } = use
    const plugin = definition.name
    for (const { point, key, declaration } of runSetup(use, context)) {
      if (!(point in MEMBERS) && point !== 'fact-sources') continue
      const about = `${source}: ${plugin} provides "${key}" of ${point}`
      const checked = checkDeclaration(point, declaration, { source: about })
      // Each client runs its own sources of facts about itself.
      if (checked.brings?.fact.from === 'client') continue
      const value = createdImplementation(container, checked, { point, about, plugin })
      const { settings } = checked
      const schema = settings === undefined ? NO_SETTINGS : settingsSchema(settings, `${about}, settings`)
      this.#implementations.set(`${point} ${key}`, { value, settings: schema })
      if (isStartable(value)) this.parts.push({ plugin, part: value })
    }
  }

  /** Validates stored settings. @throws Error if they do not fit */
  validated({ point, key }: Pick<ThreadQuestion, 'point' | 'key'>, stored: unknown): unknown {
    const verdict = this.#find(point, key).settings.safeParse(stored)
    if (verdict.ok) return verdict.settings
    throw new Error('its settings are not valid')
  }

  /**
   * Asks a condition or selector. The answer is a plain object with the members that the contract has; a member that
   * can be none is null.
   * @throws what the plugin throws
   */
  answer({ point, key, settings, about, at }: ThreadQuestion): Record<string, unknown> {
    const { value } = this.#find(point, key)
    const question = { ...frozenCopy(about), settings, ...(point === 'policy-conditions' ? { at } : {}) } as never
    const given =
      point === 'policy-conditions'
        ? synchronousAnswer((value as PolicyCondition).evaluate(question))
        : synchronousAnswer((value as GatewaySelector).select(question))
    const read = readAnswer(given, MEMBERS[point])
    return Object.fromEntries(Object.entries(read).map(([name, member]) => [name, plain(member)]))
  }

  /** Returns a fact source of the plugin. @throws Error if there is none of this key */
  factSource(key: string): FactSource {
    return this.#find('fact-sources', key).value as FactSource
  }

  #find(point: AskedPoint | 'fact-sources', key: string): Implementation {
    const found = this.#implementations.get(`${point} ${key}`)
    if (found === undefined) throw new Error(`the plugin provides no "${key}" of ${point} in its thread`)
    return found
  }
}

const plain = (member: unknown): unknown => {
  if (typeof member === 'string') return member.slice(0, MAX_CHARACTERS)
  return member === undefined || typeof member === 'boolean' || typeof member === 'number' ? member : null
}
