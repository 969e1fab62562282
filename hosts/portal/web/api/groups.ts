import { z } from 'zod'
import type { Group, Membership } from '../../store/entities.ts'
import type { Transaction } from '../../store/store.ts'
import { invalidBody } from '../http/problem.ts'
import { collection, existing, idOf, scopeOf } from './collection.ts'
import type { ApiContext, Endpoint, ApiMiddleware } from './endpoint.ts'
import { exactly, idsIn, listOf, listText, relatedTo } from './list-query.ts'
import type { ApiParts } from './parts.ts'
import { jsonBody } from './read-body.ts'
import { checkMatch, idsVersion } from './row-version.ts'
import { RemovalQuery } from './removal.ts'
import { defined, Id, Name, rowFields, timeOf } from './body-fields.ts'

const GroupBody = z.object({ ...rowFields, name: z.string() }).meta({ id: 'Group' })
/** Schema of a new group. */
export const GroupDraft = z.strictObject({ name: Name })
const Patch = z.strictObject({ name: Name.optional() })

const MembershipBody = z.object({ ...rowFields, group_id: Id, actor_id: Id }).meta({ id: 'Membership' })
/** Most members that one call adds and removes. */
const MOST_MEMBERS = 10_000
const BODY_KIB = 512
const ActorIds = z.array(Id).max(MOST_MEMBERS)
const Replacement = z.strictObject({ actor_ids: ActorIds })
const Difference = z.strictObject({ add: ActorIds.default([]), remove: ActorIds.default([]) })
const Members = z.object({ data: z.array(MembershipBody), next_cursor: z.null() })

/** Operations on groups of actors and their memberships. */
export const groupEndpoints = ({ store }: ApiParts): Endpoint[] => {
  const draft = jsonBody(GroupDraft)
  const patch = jsonBody(Patch)
  const replacement = jsonBody(Replacement, BODY_KIB * 1_024)
  const difference = jsonBody(Difference, BODY_KIB * 1_024)
  const groups = collection(store, 'groups', groupToWire)
  const memberships = collection(store, 'memberships', membershipToWire)

  const insertGroup = groups.insert(async (ctx) => Promise.resolve(draft.of(ctx)))
  const patchGroup = groups.patch(async (ctx) => Promise.resolve(defined(patch.of(ctx))))

  /** Adds and removes memberships, and answers with all memberships of the group. */
  const changeMembers =
    (wanted: (ctx: ApiContext, present: ReadonlySet<string>) => { add: string[]; remove: string[] }): ApiMiddleware =>
    async (ctx) => {
      const groupId = idOf(ctx)
      const rows = await store.transact(scopeOf(ctx), async (tx) => {
        await existing(tx, 'groups', groupId)
        const present = await tx.list('memberships', { where: { groupId } })
        checkMatch(ctx, idsVersion(ctx, present))
        const before = new Map(present.map((row) => [row.actorId, row]))
        const { add, remove } = wanted(ctx, new Set(before.keys()))
        await tx.removeAll(
          'memberships',
          remove.flatMap((actorId) => before.get(actorId)?.id ?? []),
        )
        await addMembers(
          tx,
          groupId,
          add.filter((actorId) => !before.has(actorId)),
        )
        return tx.list('memberships', { where: { groupId } })
      })
      ctx.body = { data: rows.map((row) => membershipToWire(row)), next_cursor: null }
      ctx.set('etag', idsVersion(ctx, rows))
    }

  /** Adds the version of the whole list to its first page, for If-Match on a change of the members. */
  const noteVersion: ApiMiddleware = async (ctx, next) => {
    await next()
    if (memberList.of(ctx).cursor !== undefined) return
    const reader = store.reader(ctx.state.account.id)
    ctx.set('etag', idsVersion(ctx, await reader.list('memberships', { where: { groupId: idOf(ctx) } })))
  }

  const replaceMembers = changeMembers((ctx, present) => {
    const wanted = new Set(replacement.of(ctx).actor_ids)
    return { add: [...wanted], remove: [...present].filter((actorId) => !wanted.has(actorId)) }
  })
  const addAndRemoveMembers = changeMembers((ctx) => {
    const { add, remove } = difference.of(ctx)
    const removed = new Set(remove)
    return { add: [...new Set(add)].filter((actorId) => !removed.has(actorId)), remove: [...removed] }
  })

  const memberList = listOf('memberships', MembershipBody, idsIn('actorId'))
  const list = listOf('groups', GroupBody, {
    ...exactly('name'),
    ...relatedTo('actorId', 'With a member'),
  })

  return [
    {
      method: 'GET',
      path: '/groups',
      needs: 'groups:read',
      summary: 'Lists the groups',
      status: 200,
      description: listText('groups'),
      answer: list.answer,
      query: list.query,
      story: groups.list(list),
    },
    {
      method: 'POST',
      path: '/groups',
      needs: 'groups:write',
      summary: 'Creates a group',
      body: GroupDraft,
      status: 201,
      answer: GroupBody,
      story: [draft.read, insertGroup],
    },
    {
      method: 'GET',
      path: '/groups/:id',
      needs: 'groups:read',
      summary: 'Shows a group',
      status: 200,
      answer: GroupBody,
      story: [groups.show],
    },
    {
      method: 'PATCH',
      path: '/groups/:id',
      needs: 'groups:write',
      summary: 'Renames a group',
      body: Patch,
      status: 200,
      answer: GroupBody,
      story: [patch.read, patchGroup],
    },
    {
      method: 'DELETE',
      path: '/groups/:id',
      needs: 'groups:write',
      query: RemovalQuery,
      summary: 'Removes a group with its policies',
      status: 204,
      story: [groups.remove()],
    },
    {
      method: 'GET',
      path: '/groups/:id/memberships',
      needs: 'groups:read',
      summary: "Lists a group's memberships",
      status: 200,
      description: listText('memberships'),
      answer: memberList.answer,
      query: memberList.query,
      story: [
        noteVersion,
        ...memberships.list(memberList, {
          parent: 'groups',
          within: (groupId) => [{ column: 'groupId', in: [groupId] }],
        }),
      ],
    },
    {
      method: 'PUT',
      path: '/groups/:id/memberships',
      needs: 'groups:write',
      summary: 'Makes exactly these actors the members',
      body: Replacement,
      bodyKiB: BODY_KIB,
      status: 200,
      answer: Members,
      story: [replacement.read, replaceMembers],
    },
    {
      method: 'PATCH',
      path: '/groups/:id/memberships',
      needs: 'groups:write',
      summary: 'Adds and removes members',
      body: Difference,
      bodyKiB: BODY_KIB,
      status: 200,
      answer: Members,
      story: [difference.read, addAndRemoveMembers],
    },
  ]
}

const addMembers = async (tx: Transaction, groupId: string, actorIds: readonly string[]): Promise<void> => {
  await tx.preload('actors', actorIds)
  for (const actorId of actorIds) {
    if ((await tx.get('actors', actorId)) === undefined)
      throw invalidBody([{ path: 'actor_ids', message: `there is no actor ${actorId}` }])
  }
  await tx.insertAll(
    'memberships',
    actorIds.map((actorId) => ({ groupId, actorId })),
  )
}

const groupToWire = (row: Group): z.infer<typeof GroupBody> => ({
  id: row.id,
  name: row.name,
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})

const membershipToWire = (row: Membership): z.infer<typeof MembershipBody> => ({
  id: row.id,
  group_id: row.groupId,
  actor_id: row.actorId,
  created_at: timeOf(row.createdAt),
  updated_at: timeOf(row.updatedAt),
})
