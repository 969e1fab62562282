// Schemas of an access file: the configuration of an account as one document, in which names stand where the API has ids.
import { z } from 'zod'
import { ActorDraft } from './actors.ts'
import { Name, Text, Time } from './body-fields.ts'
import { SupposedFacts } from './explain.ts'
import { GroupDraft } from './groups.ts'
import { ProviderDraft } from './identity-providers.ts'
import { PolicyDraft } from './policies.ts'
import { ResourceDraft } from './resources.ts'
import { SiteDraft } from './sites.ts'

const ActorName = Text(255).min(1).describe('E-mail address of a person, name of a service account, or an id')

/** Schema of a resource in an access file. */
export const ResourceItem = z.strictObject({
  ...ResourceDraft.omit({ site_id: true }).shape,
  site: Name.describe('Name of its site'),
})
/** Schema of a group in an access file. */
export const GroupItem = z.strictObject({
  ...GroupDraft.shape,
  members: z.array(ActorName).max(5_000).optional().describe('All members; if left out, the members stay as they are'),
})
/** Schema of a policy in an access file. */
export const PolicyItem = z.strictObject({
  ...PolicyDraft.omit({ group_id: true, resource_id: true }).shape,
  group: Name.describe('Name of the group'),
  resource: Name.describe('Name of the resource'),
})
/** Schema of an actor in an access file. */
export const ActorItem = z.strictObject(ActorDraft.shape)
export { SiteDraft as SiteItem, ProviderDraft as ProviderItem }

const Test = z.strictObject({
  expect: Text(600).describe(
    '`ACTOR can reach RESOURCE`, or `cannot`; the resource with a port (`wiki:443`, `dns:53/udp`) or without',
  ),
  at: Time.optional().describe('Time of the supposed request; the present if left out'),
  remote_ip: SupposedFacts.remote_ip,
  client_verified: SupposedFacts.client_verified,
  provider: Name.optional().describe('Name of the identity provider of the supposed sign-in'),
})

/** Most objects of one kind. */
const MOST = 2_000

/** Schema of an access file. What a section leaves out of an object has its default, as in a creation. */
export const AccessFile = z.strictObject({
  sites: z.array(SiteDraft).max(MOST).optional(),
  resources: z.array(ResourceItem).max(MOST).optional(),
  actors: z.array(ActorItem).max(MOST).optional(),
  groups: z.array(GroupItem).max(MOST).optional(),
  providers: z.array(ProviderDraft).max(100).optional(),
  policies: z.array(PolicyItem).max(MOST).optional(),
  tests: z.array(Test).max(500).optional().describe('Expectations without which nothing is done'),
})
export type AccessFile = z.infer<typeof AccessFile>
export type AccessTest = z.infer<typeof Test>

/** Schema of an object as an export shows it: members with their defaults are left out. */
const shown = (item: z.ZodObject) => {
  const members = Object.entries(item.shape).map(([member, schema]) => {
    const type = schema as z.ZodType
    return [member, type.safeParse(undefined).success ? type.optional() : type] as const
  })
  return z.object(Object.fromEntries(members))
}

/** Schema of an export. */
export const ShownAccessFile = z.object({
  sites: z.array(shown(SiteDraft)).optional(),
  resources: z.array(shown(ResourceItem)).optional(),
  actors: z.array(shown(ActorItem)).optional(),
  groups: z.array(shown(GroupItem)).optional(),
  providers: z.array(shown(ProviderDraft)).optional(),
  policies: z.array(shown(PolicyItem)).optional(),
})

/** Sections of an access file with the collections of their rows, in the order in which they are written. */
export const SECTIONS = {
  sites: 'sites',
  resources: 'resources',
  actors: 'actors',
  groups: 'groups',
  providers: 'identity_providers',
  policies: 'policies',
} as const
export type Section = keyof typeof SECTIONS
export type SectionKind = (typeof SECTIONS)[Section]

const Columns = z.record(z.string(), z.unknown())

/** Schema of one change that an access file makes. */
export const FileChange = z.object({
  action: z.enum(['created', 'updated', 'removed']),
  kind: z.string().describe('Collection of the row'),
  name: z.string(),
  before: Columns.nullable().describe('Members that change, as they were; null for a creation'),
  after: Columns.nullable().describe('The same afterwards, secrets as `[secret]`; null for a removal'),
})

const Pair = z.object({
  effect: z.enum(['gains', 'loses', 'appears', 'disappears', 'changes']),
  actor: z.string().describe('E-mail address or name'),
  resource: z.string(),
  why: z.string(),
})

/** Schema of what an access file changes. */
export const FileOutcome = z
  .object({
    is_dry_run: z.boolean(),
    changes: z.array(FileChange),
    access: z
      .object({
        pairs: z.array(Pair).describe('The first 1,000, by actor and resource'),
        count: z.int(),
        kept: z.int().describe('Number of pairs concerned that keep their access'),
        is_whole: z.boolean().describe('Whether all were judged: false where there are too many pairs'),
      })
      .nullable()
      .describe('Who gains or loses access, as of now; null unless it is a dry run'),
    tests: z.array(z.object({ expect: z.string(), holds: z.boolean(), why: z.string() })),
  })
  .meta({ id: 'AccessFileOutcome' })
export type FileOutcome = z.infer<typeof FileOutcome>

/** Row of a collection as the API shows it. */
export type WireRow = Readonly<Record<string, unknown>> & { readonly id: string }
