import type { View } from '../page/admin-parts.ts'
import { shownTime } from '../../http/shown-time.ts'
import type { Difference } from '../effect/difference.ts'
import { effectView } from '../effect/effect-view.ts'
import type { FormAbout, FormDefinition } from './form-definition.ts'
import type { FormValues } from './form-values.ts'
import { spokenSections, type SpokenField } from './spoken-fields.ts'

/** One field that two people left differently. */
interface Disputed {
  label: string
  theirs: string
  mine: string
}

/** Fields of the form itself, which a page sends anew each time. */
const OWN_FIELDS = new Set(['csrf', 'version', 'digest', 'save'])

/**
 * Returns the page for somebody who saves a form second: what stands saved and what was typed, field by field, and the three ways
 * on. `about` has the row as the other person left it, `version` is that row's.
 */
export const conflictView = async <Row>(
  definition: FormDefinition<Row>,
  about: FormAbout<Row>,
  sent: { values: FormValues; version: string | undefined; difference: Difference | undefined; action: string },
): Promise<View> => {
  const { values, version, difference, action } = sent
  const { visit } = about
  const theirs = definition.values(about)
  const fields = await definition.fields(about, values)
  const mine = flat(spokenSections(fields, values))
  const secrets = [...mine.values()].filter(({ isSecret, name }) => isSecret && values.one(name) !== '')
  const secretNames = new Set(secrets.map(({ name }) => name))
  return {
    template: 'conflict',
    title: `${definition.title(about)}: two versions`,
    crumbs: definition.crumbs(about),
    status: 412,
    data: {
      ...(await latestChange(about)),
      disputed: disputedFields(flat(spokenSections(await definition.fields(about, theirs), theirs)), mine),
      secrets: secrets.map(({ name, label }) => ({ name, label })),
      kept: values
        .names()
        .filter((name) => !OWN_FIELDS.has(name) && !secretNames.has(name))
        .flatMap((name) => values.all(name).map((value) => ({ name, value }))),
      action,
      version,
      effect: difference && effectView(difference, visit.base),
      effectTitle: 'If you save yours over it',
      digest: difference?.digest,
      leaveUrl: `${visit.base}${definition.leave(about)}`,
    },
  }
}

type Flat = ReadonlyMap<string, SpokenField>

/** Returns all lines by a key that is the same in both versions: that of a frame without lines stands for the frame. */
const flat = (sections: ReturnType<typeof spokenSections>): Flat =>
  new Map(
    sections.flatMap(({ heading = '', isFrame, lines }) => {
      const prefix = isFrame ? `${heading}: ` : ''
      const own = lines.map((line) => [`${prefix}${line.name}`, { ...line, label: `${prefix}${line.label}` }] as const)
      if (!isFrame) return own
      return [[prefix, { name: prefix, label: heading, text: 'yes', isSecret: false }] as const, ...own]
    }),
  )

const disputedFields = (theirs: Flat, mine: Flat): Disputed[] =>
  [...new Set([...theirs.keys(), ...mine.keys()])].flatMap((key) => {
    const [one, other] = [theirs.get(key), mine.get(key)]
    const label = (other ?? one)?.label ?? key
    if (sameText(one?.text) === sameText(other?.text)) return []
    return [{ label, theirs: one?.text ?? '', mine: other?.text ?? '' }]
  })

/** Browsers send line breaks as CR LF. */
const sameText = (text = ''): string => text.replaceAll('\r\n', '\n').trim()

/** Finds who changed the row last, and when, in the audit trail; nothing where the trail does not name the row. */
const latestChange = async <Row>({ visit }: FormAbout<Row>): Promise<{ who?: string; changedAt?: unknown }> => {
  const { parts, caller, ctx, session } = visit
  const { store } = parts
  const entityId = ctx.params['id'] ?? caller.account.id
  const [record] = await store.auditLog(caller.account.id, { kind: 'change', entityId, limit: 1 })
  if (record === undefined) return {}
  const at = shownTime(record.createdAt)
  if (record.by.type !== 'actor') return { changedAt: at }
  const { actorId } = record.by
  if (actorId === session.actor.id) return { who: 'You', changedAt: at }
  const actor = await store.reader(caller.account.id).get('actors', actorId)
  return { ...(actor === undefined ? {} : { who: actor.name }), changedAt: at }
}
