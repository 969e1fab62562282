import { formValues } from '../../http/form-fields.ts'
import type { FieldProblem, Problem } from '../../http/problem.ts'
import type { AdminForm, AdminPage, View, Visit } from '../page/admin-parts.ts'
import { differenceOf, isQuiet, sealedBy, type Difference } from '../effect/difference.ts'
import { effectView } from '../effect/effect-view.ts'
import { conflictView } from './conflict.ts'
import type { Field, FormAbout, FormDefinition } from './form-definition.ts'
import { FormValues } from './form-values.ts'
import { readingView } from './reading.ts'

/** Makes the page of a form, and what becomes of the form when it is sent. */
export const formPage = <Row = undefined>(definition: FormDefinition<Row>): { page: AdminPage; form: AdminForm } => {
  const { path, needs } = definition
  return {
    page: {
      path,
      needs: definition.reading?.needs ?? needs,
      watches: [],
      view: async (visit) => {
        const { about, version } = await aboutOf(visit, definition)
        if (!visit.may(needs)) return readingView(definition, about)
        const values = definition.values(about)
        // A form that does harm begins with what it would do; any other has nothing to judge yet.
        if (definition.isHarm !== true || definition.isComplete?.(values) === false)
          return formView(definition, about, { values, version })
        const { outcome, changes } = await visit.parts.api.rehearse(visit.caller, definition.call(about, values))
        if (!outcome.ok) return formView(definition, about, { values, version, problem: outcome.problem })
        return formView(definition, about, {
          values,
          version,
          difference: sealedBy(definition.seal?.(about), await differenceOf(visit, changes)),
        })
      },
    },
    form: { path, needs, act: (visit) => act(visit, definition) },
  }
}

/** State in which a form is shown. */
interface Shown {
  values: FormValues
  version: string | undefined
  difference?: Difference | undefined
  problem?: Problem
  /** Whether the difference has become another than the one that was confirmed. */
  isOther?: boolean
  /** Whether somebody else has saved the row since the form was opened. */
  isOvertaken?: boolean
}

const aboutOf = async <Row>(
  visit: Visit,
  { load }: FormDefinition<Row>,
): Promise<{ about: FormAbout<Row>; version: string | undefined }> => {
  if (load === undefined) return { about: { visit, row: undefined as Row }, version: undefined }
  const { row, version } = await load(visit)
  return { about: { visit, row }, version }
}

/**
 * Carries a form out, if the difference that it confirms is the one that it would make; otherwise shows the difference,
 * and carries nothing out.
 */
const act = async <Row>(visit: Visit, definition: FormDefinition<Row>): Promise<View | undefined> => {
  const sent = new FormValues(formValues(visit.ctx))
  const { about, version: current } = await aboutOf(visit, definition)
  const version = sent.has('version') ? sent.one('version') || undefined : current
  const adjusted = definition.adjust?.(sent, about)
  const values = adjusted ?? sent
  // A person who looks for what to choose has not chosen yet: there is nothing to judge.
  if (!sent.has('save') && (sent.has('find') || definition.isComplete?.(values) === false))
    return formView(definition, about, { values, version })
  const call = { ...definition.call(about, values), version }
  const { outcome, changes } = await visit.parts.api.rehearse(visit.caller, call)
  // A person who only looks, or changes the form itself, has not finished it yet.
  const isEarly = adjusted !== undefined || !sent.has('save')
  if (!outcome.ok) {
    const { problem } = outcome
    if (problem.status === 412) return overtaken(definition, about, { values, version, current, isEarly })
    // A form that has just got a new part is not wrong because that is still empty.
    if (adjusted !== undefined) return formView(definition, about, { values, version })
    return {
      ...(await formView(definition, about, { values, version, problem })),
      status: isEarly ? 200 : problem.status,
    }
  }
  const difference = sealedBy(definition.seal?.(about), await differenceOf(visit, changes))
  if (difference === undefined) return undefined
  const confirmed = sent.one('digest')
  const isConfirmed = confirmed === difference.digest || (isQuiet(difference) && definition.isHarm !== true)
  if (isEarly || !isConfirmed) {
    const isOther = sent.has('save') && confirmed !== '' && confirmed !== difference.digest
    return formView(definition, about, { values, version, difference, isOther })
  }
  const done = await visit.parts.api.call(visit.caller, call)
  if (!done.ok) {
    const { problem } = done
    if (problem.status === 412) {
      const now = await aboutOf(visit, definition)
      return overtaken(definition, now.about, { values, version, current: now.version, isEarly })
    }
    return { ...(await formView(definition, about, { values, version, problem, difference })), status: problem.status }
  }
  if (definition.show !== undefined) return definition.show(about, done.body)
  visit.ctx.redirect(`${visit.base}${definition.done(about, done.body)}`)
  visit.ctx.status = 303
  return undefined
}

/**
 * Answers a form whose row somebody else has saved meanwhile. Whoever saves sees both versions and chooses; a form that is not
 * finished yet keeps its version, so that its save asks the same.
 */
const overtaken = async <Row>(
  definition: FormDefinition<Row>,
  about: FormAbout<Row>,
  sent: { values: FormValues; version: string | undefined; current: string | undefined; isEarly: boolean },
): Promise<View | undefined> => {
  const { values, version, current, isEarly } = sent
  const { visit } = about
  const { outcome, changes } = await visit.parts.api.rehearse(visit.caller, definition.call(about, values))
  const difference = outcome.ok ? await differenceOf(visit, changes) : undefined
  if (isEarly || definition.isHarm === true) {
    const shown = { values, version: isEarly ? version : current, difference, isOvertaken: true }
    return { ...(await formView(definition, about, shown)), status: isEarly ? 200 : 412 }
  }
  const action = `${visit.base}${pathOf(definition.path, visit)}`
  return conflictView(definition, about, { values, version: current, difference, action })
}

const formView = async <Row>(
  definition: FormDefinition<Row>,
  about: FormAbout<Row>,
  { values, version, difference, problem, isOther = false, isOvertaken = false }: Shown,
): Promise<View> => {
  const { visit } = about
  const fields = await definition.fields(about, values)
  const errors = problem?.errors ?? []
  const problems = definition.problems?.(about, errors) ?? errors
  const placed = new Set<FieldProblem>()
  const shown = fields.map((field) => shownField(field, { base: visit.base, values, problems, placed }))
  const title = definition.title(about)
  return {
    template: 'form',
    title,
    crumbs: definition.crumbs(about),
    data: {
      action: `${visit.base}${pathOf(definition.path, visit)}`,
      lead: definition.lead?.(about),
      acts: (definition.acts?.(about) ?? []).map((act) => ({ ...act, url: `${visit.base}${act.path}` })),
      fields: shown,
      version,
      problem: problem && {
        detail: problems.length === 0 ? problem.detail : 'Mend what is marked, and save again.',
        found: [...placed].map(({ path, message }) => ({ message, id: idOf(path, fields) })),
        others: problems.filter((each) => !placed.has(each)),
      },
      isOther,
      isOvertaken,
      effect: difference && effectView(difference, visit.base),
      digest: difference?.digest,
      verb: definition.verb(about, values),
      isHarm: definition.isHarm === true,
      leaveUrl: `${visit.base}${definition.leave(about)}`,
    },
  }
}

const pathOf = (path: string, { ctx }: Visit): string =>
  path.replaceAll(/:(\w+)/g, (_, name: string) => encodeURIComponent(ctx.params[name] ?? ''))

interface Sent {
  /** Path of the account's pages for admins. */
  base: string
  values: FormValues
  problems: readonly FieldProblem[]
  /** Problems that stand beneath a field. */
  placed: Set<FieldProblem>
}

const TYPE_AGAIN = 'Type it again: the page does not repeat secrets.'

/** Completes a field with its value and its problem. */
const shownField = (field: Field, sent: Sent): object => {
  switch (field.kind) {
    case 'heading':
    case 'adding':
      return field
    case 'button':
      return { ...field, action: field.to === undefined ? undefined : `${sent.base}${field.to}` }
    case 'frame':
      return { ...field, fields: field.fields.map((inner) => shownField(inner, sent)) }
    default: {
      const { name, path = name } = field
      if (field.kind === 'hidden')
        return { ...field, chosen: field.only === undefined ? sent.values.all(name) : [field.only] }
      const wrong = sent.problems.find((problem) => isAt(problem.path, path) && !sent.placed.has(problem))
      if (wrong !== undefined) sent.placed.add(wrong)
      const value = sent.values.one(name)
      // Unless it is typed again, the next sending keeps the stored secret, as if none had been typed.
      const lost = field.kind === 'text' && field.type === 'password' && value !== '' ? TYPE_AGAIN : undefined
      const carried =
        field.kind === 'ticks'
          ? (field.carries ?? []).flatMap((each) => sent.values.all(each).map((one) => ({ name: each, value: one })))
          : []
      return { ...field, value, chosen: sent.values.all(name), carried, wrong: wrong?.message ?? lost }
    }
  }
}

/** Whether a problem at `path` belongs to the field at `of`. */
const isAt = (path: string, of: string): boolean =>
  path === of || path.startsWith(`${of}.`) || path.startsWith(`${of}[`)

/** Returns the id of the field's element that a problem belongs to. */
const idOf = (path: string, fields: readonly Field[]): string => {
  for (const field of fields) {
    if (field.kind === 'frame') {
      const inner = idOf(path, field.fields)
      if (inner !== '') return inner
    } else if (
      field.kind !== 'heading' &&
      field.kind !== 'adding' &&
      field.kind !== 'button' &&
      isAt(path, field.path ?? field.name)
    ) {
      return `f-${field.name}`
    }
  }
  return ''
}
