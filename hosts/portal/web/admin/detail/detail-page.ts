import type { Permission } from '../../../identity/permissions.ts'
import type { EntityName } from '../../../store/entities.ts'
import type { AdminPage, LivePart, Visit } from '../page/admin-parts.ts'
import type { Cell } from '../page/cell.ts'

/** A page about one thing: what it is, and lists of what belongs to it. */
export interface DetailDefinition<Row> {
  /** Path below the account's `/admin`, with `:id`. */
  path: string
  needs: Permission
  watches: readonly EntityName[]
  load: (visit: Visit) => Promise<Row>
  title: (row: Row) => string
  crumbs: (visit: Visit) => readonly { text: string; url: string }[]
  /** Verdict beside the title. */
  mark?: (row: Row, visit: Visit) => Cell
  lead?: (row: Row) => string | undefined
  /** Acts on the thing, the most important one last. */
  acts?: (row: Row, visit: Visit) => readonly Act[]
  sections: (row: Row, visit: Visit) => Promise<readonly Section[]>
}

export interface Act {
  text: string
  /** Path below the account's `/admin`. */
  path: string
  needs: Permission
  isMain?: boolean
  isHarm?: boolean
}

export interface Section {
  /** Short name, for the id of its element. */
  key: string
  heading: string
  aside?: Cell
  /** Shown in place of facts and table where there is nothing. */
  nothing?: string
  facts?: readonly { label: string; cell: Cell }[]
  table?: DetailTable
  /** Acts of the section. */
  acts?: readonly { text: string; url: string }[]
}

export interface DetailTable {
  columns: readonly { title: string; isNumeric?: boolean }[]
  rows: readonly {
    key: string
    head: Cell
    cells: readonly Cell[]
    act?: { text: string; about: string; url: string }
  }[]
}

/** Makes the page of a thing. Each section is live. */
export const detailPage = <Row>(definition: DetailDefinition<Row>): AdminPage => ({
  path: definition.path,
  needs: definition.needs,
  watches: definition.watches,
  view: async (visit) => {
    const row = await definition.load(visit)
    const sections = await definition.sections(row, visit)
    const head: LivePart = {
      id: 'head',
      template: 'detail-head',
      data: {
        title: definition.title(row),
        mark: definition.mark?.(row, visit),
        acts: (definition.acts?.(row, visit) ?? [])
          .filter(({ needs }) => visit.may(needs))
          .map((act) => ({ ...act, url: `${visit.base}${act.path}` })),
      },
    }
    const live = [
      head,
      ...sections.map((section): LivePart => ({
        id: `section-${section.key}`,
        template: 'detail-section',
        data: { section },
      })),
    ]
    return {
      template: 'detail',
      title: definition.title(row),
      crumbs: definition.crumbs(visit),
      live,
      data: { lead: definition.lead?.(row), parts: live.map(({ id }) => id) },
    }
  },
})
