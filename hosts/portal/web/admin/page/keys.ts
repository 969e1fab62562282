/** A key, or keys one after the other or together, and what they do on the pages for admins. */
export interface KeyHelp {
  keys: readonly string[]
  does: string
  /** Whether it is a single key, which can be switched off. */
  isSingle: boolean
}

/** Keys of every page, besides those that open pages. */
export const KEYS: readonly KeyHelp[] = [
  { keys: ['Ctrl', 'K'], does: 'find or ask', isSingle: false },
  { keys: ['Ctrl', 'Enter'], does: 'save the form', isSingle: false },
  { keys: ['Esc'], does: 'close what is open', isSingle: false },
  { keys: ['/'], does: 'go to the filter', isSingle: true },
  { keys: ['j'], does: 'next row', isSingle: true },
  { keys: ['k'], does: 'previous row', isSingle: true },
  { keys: ['Enter'], does: 'open the row', isSingle: false },
  { keys: ['x'], does: 'select the row', isSingle: true },
  { keys: ['e'], does: 'explain the row', isSingle: true },
  { keys: ['?'], does: 'this list', isSingle: true },
]
