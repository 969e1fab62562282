// The account that is measured. Its actors are in blocks: those of a block are in the same ten groups, whose hundred
// resources are all that they see.

export const ACTORS = 1_000
export const GROUPS = 100
export const RESOURCES = 1_000
/** Gateways, each in a site of its own. */
export const GATEWAYS = 10
/** Actors, groups and resources of one block, of which there are ten. */
export const BLOCK = { actors: 100, groups: 10, resources: 100 } as const
