import { z } from 'zod'
import type { DescribedPlugin } from '../../../../core/plugin/described-plugin.ts'
import { pageOf } from './body-fields.ts'
import { answerWhole } from './answer-list.ts'
import type { ApiMiddleware, Endpoint } from './endpoint.ts'
import type { ApiParts } from './parts.ts'

const JsonSchema = z.record(z.string(), z.unknown())
const SaidBy = z
  .enum(['portal', 'client', 'gateway'])
  .describe('Part of the system that says it; what a client or a gateway says is not proven')

const ReadFact = z.object({
  name: z.string(),
  about: z.enum(['request', 'candidate']),
  said_by: SaidBy,
  is_optional: z.boolean().describe('Whether the plugin is asked also while the fact is unknown'),
})

const BroughtFact = z.object({
  name: z.string(),
  said_by: SaidBy,
  by: z.string().nullable().describe('Fact by whose value it is looked up; null for one of a client’s own machine'),
  every_ms: z.number(),
  good_for_ms: z.number().describe('Time for which it is believed when no other value comes'),
  value: JsonSchema.describe('JSON Schema of the value'),
})

const PluginBody = z
  .object({
    name: z.string(),
    version: z.string(),
    package: z.string().describe('Name in the portal’s configuration: builtin:NAME, or an npm package'),
    description: z.string().nullable(),
    isolation: z.enum(['none', 'worker']).describe('Whether the plugin runs in a thread of its own'),
    provides: z.array(
      z.object({
        point: z.string().describe('Extension point: policy-conditions …'),
        key: z.string().describe('Name under which rows choose it: the type of an identity provider, a condition …'),
        settings: JsonSchema.nullable().describe(
          'JSON Schema (2020-12) of its settings; secrets, which are never shown, have writeOnly. Null where it has none',
        ),
        reads: z.array(ReadFact),
        brings: BroughtFact.nullable().describe('Fact that a fact source brings'),
      }),
    ),
  })
  .meta({
    id: 'Plugin',
    examples: [
      {
        name: 'condition-client-verified',
        version: '0.1.0',
        package: 'builtin:condition-client-verified',
        description: null,
        isolation: 'none',
        provides: [
          {
            point: 'policy-conditions',
            key: 'client-verified',
            settings: { type: 'object', properties: { verified: { type: 'boolean' } } },
            reads: [{ name: 'device.is_verified', about: 'request', said_by: 'portal', is_optional: false }],
            brings: null,
          },
        ],
      },
    ],
  })

/** Operation on the plugins that the portal has loaded, which its accounts share. */
export const pluginEndpoints = ({ plugins }: ApiParts): Endpoint[] => {
  const data: readonly DescribedPlugin[] = plugins
  const list: ApiMiddleware = (ctx) => {
    answerWhole(ctx, data)
  }
  return [
    {
      method: 'GET',
      path: '/plugins',
      needs: 'plugins:read',
      summary: 'Lists the plugins that the portal has loaded',
      description:
        'Lists the plugins that the portal has loaded, in the order of its configuration and on one page: what may be chosen, and the JSON Schema of each choice’s settings, for forms.',
      status: 200,
      answer: pageOf(PluginBody),
      story: [list],
    },
  ]
}
