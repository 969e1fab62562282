import type { Entities, EntityName } from './entities.ts'

/** One step from values to rows: the rows of a table whose column `by` has one of the values, and what they give. */
interface Step {
  name: EntityName
  gives: string
  by: string
}

/** A way to find rows by the ids of other rows: rows whose `column` is among the values that the step gives. */
export interface Relation {
  column: string
  step: Step
}

const step = <Name extends EntityName>(
  name: Name,
  gives: keyof Entities[Name] & string,
  by: keyof Entities[Name] & string,
): Step => ({ name, gives, by })

const membersOf = step('memberships', 'actorId', 'groupId')
const groupsOf = step('memberships', 'groupId', 'actorId')

/** Relations by table and by the kind of id that they start from. */
export const RELATIONS = {
  actors: { groupId: { column: 'id', step: membersOf } },
  groups: { actorId: { column: 'id', step: groupsOf } },
  clients: { groupId: { column: 'actorId', step: membersOf } },
  resources: { groupId: { column: 'id', step: step('policies', 'resourceId', 'groupId') } },
  policies: {
    actorId: { column: 'groupId', step: groupsOf },
    siteId: { column: 'resourceId', step: step('resources', 'id', 'siteId') },
  },
  authorizations: {
    actorId: { column: 'clientId', step: step('clients', 'id', 'actorId') },
    groupId: { column: 'membershipId', step: step('memberships', 'id', 'groupId') },
    siteId: { column: 'resourceId', step: step('resources', 'id', 'siteId') },
  },
} as const satisfies { [Name in EntityName]?: Readonly<Record<string, Relation>> }

/** Names of a table's relations. */
export type RelationName<Name extends EntityName> = Name extends keyof typeof RELATIONS
  ? keyof (typeof RELATIONS)[Name] & string
  : never
