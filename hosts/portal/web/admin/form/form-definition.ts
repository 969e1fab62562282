import type { Permission } from '../../../identity/permissions.ts'
import type { ApiCall } from '../../api/call-api.ts'
import type { FieldProblem } from '../../http/problem.ts'
import type { View, Visit } from '../page/admin-parts.ts'
import type { FormValues } from './form-values.ts'

/** A page with a form that becomes one call of the API. What it would do to access is shown before it is carried out. */
export interface FormDefinition<Row = undefined> {
  /** Path below the account's `/admin`. */
  path: string
  needs: Permission
  /** Shows the form as a list to whoever has this permission only; without it such a person is refused. */
  reading?: Reading<Row>
  /** Reads the row that the form is about, with its version; undefined for a form without one. */
  load?: (visit: Visit) => Promise<Loaded<Row>>
  title: (about: FormAbout<Row>) => string
  crumbs: (about: FormAbout<Row>) => readonly { text: string; url: string }[]
  /** Acts on the same row, beside the title. */
  acts?: (about: FormAbout<Row>) => readonly FormAct[]
  /** Sentence above the fields. */
  lead?: (about: FormAbout<Row>) => string
  /** Values with which the form begins. */
  values: (about: FormAbout<Row>) => FormValues
  fields: (about: FormAbout<Row>, values: FormValues) => Promise<readonly Field[]> | readonly Field[]
  /** Answers a button that changes the form itself; undefined for any other. */
  adjust?: (values: FormValues, about: FormAbout<Row>) => FormValues | undefined
  /** Whether the form says enough to be judged: by default it always does. */
  isComplete?: (values: FormValues) => boolean
  call: (about: FormAbout<Row>, values: FormValues) => ApiCall
  /** Names what the form is about in the state that is shown: a save that was confirmed for another state shows this one. */
  seal?: (about: FormAbout<Row>) => string
  /** Returns problems of the call as people understand them. */
  problems?: (about: FormAbout<Row>, problems: readonly FieldProblem[]) => readonly FieldProblem[]
  /** Address after it was carried out. */
  done: (about: FormAbout<Row>, answer: unknown) => string
  /** Page that shows the answer, in place of going to an address: for what is shown only once. */
  show?: (about: FormAbout<Row>, answer: unknown) => View
  /** Text of the button, such as `Save`. */
  verb: (about: FormAbout<Row>, values: FormValues) => string
  /** Whether the difference is shown before anything is carried out, even if nobody's access changes. */
  isHarm?: boolean
  /** Address that leaves the form without doing anything. */
  leave: (about: FormAbout<Row>) => string
}

/** Link beside the title of a form. */
export interface FormAct {
  text: string
  /** Path below the account's `/admin`. */
  path: string
  isHarm?: boolean
}

/** A form as a list, for people who may not change what it is about. */
export interface Reading<Row> {
  needs: Permission
  /** Title of the list, where that of the form says that something is done. */
  title?: (about: FormAbout<Row>) => string
  /** Links that lead on; paths are below the account's `/admin`. */
  also?: (about: FormAbout<Row>) => readonly { text: string; path: string }[]
}

export interface Loaded<Row> {
  row: Row
  version: string | undefined
}

export interface FormAbout<Row> {
  visit: Visit
  row: Row
}

interface Choice {
  value: string
  text: string
}

interface Named {
  name: string
  label: string
  help?: string
  /** Path of the API's body that problems of this field have: by default the name; `a` also stands for `a[0].b`. */
  path?: string
  isWide?: boolean
}

/** Search beside a field that offers a part of what there is. */
interface Finding {
  /** Name of the search's own field. */
  name: string
  value: string
  /** Number of rows that match and are not offered. */
  more: number
}

/** A field, or several in a frame of their own. */
export type Field =
  | (Named & { kind: 'text'; type?: 'text' | 'email' | 'number' | 'password' | 'datetime-local' })
  | (Named & { kind: 'lines'; rows?: number })
  | (Named & { kind: 'select'; options: readonly Choice[]; find?: Finding })
  | (Named & { kind: 'radios'; options: readonly Choice[] })
  | (Named & {
      kind: 'ticks'
      options: readonly Choice[]
      find?: Finding
      /** Names of values that are sent along unseen, and change with what the search finds. */
      carries?: readonly string[]
    })
  /** Sends along all values of the field, or the one that is given. */
  | (Named & { kind: 'hidden'; only?: string })
  | {
      kind: 'frame'
      legend: string
      fields: readonly Field[]
      path?: string
      /** Button that takes the frame out of the form. */
      remove?: { name: string; value: string; text: string }
      badge?: string
    }
  /** A button that changes the form, or sends it to another page, whose path below the account's `/admin` is `to`. */
  | { kind: 'button'; name: string; value: string; text: string; to?: string; help?: string }
  | { kind: 'heading'; text: string; aside?: string }
  /** A choice with a button that changes the form, such as one more condition. */
  | { kind: 'adding'; name: string; label: string; options: readonly Choice[]; button: string }
