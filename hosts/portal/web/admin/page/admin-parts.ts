import type Koa from 'koa'
import type { Logger } from '../../../../../core/runtime/logger.ts'
import type { Context } from 'koa'
import type { ApiCalls, ApiCaller } from '../../api/call-api.ts'
import type { ApiParts } from '../../api/parts.ts'
import type { Permission } from '../../../identity/permissions.ts'
import type { EntityName } from '../../../store/entities.ts'
import type { ProviderTests } from '../../provider-test/provider-tests.ts'
import type { PortalSession, Sessions } from '../../sign-in/session.ts'
import type { Templates } from '../../http/pages.ts'
import type { Preferences } from './preferences.ts'

/** Parts of the portal that the pages for admins use. They read and write through the API's own operations. */
export interface AdminParts extends ApiParts {
  sessions: Sessions
  pages: Templates
  api: ApiCalls
  /** Test sign-ins at identity providers. */
  tests: ProviderTests
  app: Koa
  logger: Logger
  /** Calls back when a client or gateway comes or leaves; returns a function that ends that. */
  onPresence: (look: (peerId: string) => void) => () => void
}

/** Parts of the pages, with the paths that there are. */
export interface PageParts extends AdminParts {
  /** Paths of all pages, below the account's `/admin`. */
  pagePaths: ReadonlySet<string>
}

/** State of a request, shared by the middlewares of the pages for admins. */
export interface AdminState {
  clientAddress: string
  session: PortalSession
}

export type AdminContext = Context & { params: Record<string, string>; state: AdminState }

/** One visit of a signed-in person to a page for admins. */
export interface Visit {
  ctx: AdminContext
  parts: PageParts
  session: PortalSession
  caller: ApiCaller
  /** Path of the account's pages for admins, without a slash at the end. */
  base: string
  /** Query of the address, in which each parameter counts once, without control characters. */
  query: Readonly<Record<string, string>>
  /** Whether the person has a permission. */
  may: (permission: Permission) => boolean
  /** Reads one answer of the API. @throws the Problem with which the API refuses */
  get: <Body>(path: string, query?: Readonly<Record<string, string>>) => Promise<Body>
  /**
   * Reads all rows of a list of the API that match, some at a time.
   * @throws the Problem with which the API refuses
   */
  rows: <Row>(path: string, query: Readonly<Record<string, string>>) => Promise<AsyncIterable<Row[]>>
  /** Reads the visitor's choices about the pages. */
  preferences: () => Promise<Preferences>
}

/** Piece of a page that is replaced when it changes: one element, whose id is `id`. */
export interface LivePart {
  id: string
  /** Template of the element, below `page/admin`. */
  template: string
  data: Readonly<Record<string, unknown>>
}

/** Content of a page at one moment. */
export interface View {
  /** Template below `page/admin`. */
  template: string
  title: string
  /** Trail to the page: texts with their addresses, without the page itself. */
  crumbs?: readonly { text: string; url: string }[]
  data: Readonly<Record<string, unknown>>
  /** Pieces that change while the page is open, in the order of the page. */
  live?: readonly LivePart[]
  status?: number
  /** Address at which the page stands, where it is not the one of the request: that of an answered form. */
  address?: string
}

/** A page for admins. */
export interface AdminPage {
  /** Path below the account's `/admin`, such as `/people/:id`; empty for the overview. */
  path: string
  needs: Permission
  /** Kinds of rows whose changes may change the page. */
  watches: readonly EntityName[]
  view: (visit: Visit) => Promise<View>
}

/** A file that a page for admins offers. */
export interface AdminDownload {
  path: string
  needs: Permission
  /** Answers with the file. */
  send: (visit: Visit) => Promise<void>
}

/** A form that a page for admins sends. */
export interface AdminForm {
  path: string
  needs: Permission
  /** Carries the form out, and answers by a redirect or with a view. */
  act: (visit: Visit) => Promise<View | undefined>
}
