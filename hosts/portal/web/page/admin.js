// What the pages for admins do besides what their HTML does without a script.

const isTyping = ({ target }) => target.closest('input:not([type=checkbox], [type=radio]), textarea, select') !== null
const ROWS = 'main tbody tr:not(.is-gone), main .entry'

/** Goes to the next row that has a link, or to the one before. */
const step = (by) => {
  const rows = [...document.querySelectorAll(ROWS)]
  const at = rows.indexOf(document.activeElement.closest(ROWS))
  const row = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by]
  const target = row?.querySelector('th a') ?? row?.querySelector('a, input')
  target?.focus()
  row?.scrollIntoView({ block: 'nearest' })
}

const openPalette = () => {
  const palette = document.querySelector('#palette')
  palette?.showPopover()
  document.querySelector(palette === null ? '#q' : '#ask').select()
}

const SINGLE = {
  '/': () => document.querySelector('main [type=search], main .filter input, main .filter select')?.focus(),
  j: () => step(1),
  k: () => step(-1),
  x: () => document.activeElement.closest(ROWS)?.querySelector('[name=id]')?.click(),
  e: () => (document.activeElement.closest(ROWS) ?? document).querySelector('a[href*="/explain?"]')?.click(),
  '?': () => document.querySelector('#keys').togglePopover(),
}

// A page is opened by g and its own key, within a second and a half.
let goesUntil = 0

document.addEventListener('keydown', (event) => {
  const { key, target } = event
  if (key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault()
    openPalette()
  } else if (key === 'Enter' && event.ctrlKey) {
    const form = target.closest('form') ?? document.querySelector('form:has(button[name=save])')
    form?.requestSubmit(form.querySelector('button[name=save]'))
  } else if (key === 'Escape') {
    for (const open of document.querySelectorAll('details.columns[open]')) open.open = false
  } else if (
    document.body.dataset.keys === 'off' ||
    isTyping(event) ||
    event.ctrlKey ||
    event.altKey ||
    event.metaKey
  ) {
    return
  } else if (Date.now() < goesUntil) {
    goesUntil = 0
    document.querySelector(`[data-go="${CSS.escape(key)}"]`)?.click()
  } else if (key === 'g') {
    goesUntil = Date.now() + 1_500
  } else if (Object.hasOwn(SINGLE, key)) {
    event.preventDefault()
    SINGLE[key]()
  }
})

// The palette opens in place; its arrows choose, and Enter opens the first, if that is of what was typed.
document.querySelector('.find')?.addEventListener('click', (event) => {
  event.preventDefault()
  openPalette()
})
document.querySelector('.palette:has(#found)')?.addEventListener('keydown', (event) => {
  const { key, target, currentTarget } = event
  const links = [...currentTarget.querySelectorAll('#found a')]
  if (key === 'ArrowDown' || key === 'ArrowUp') {
    event.preventDefault()
    const at = links.indexOf(target) + (key === 'ArrowDown' ? 1 : -1)
    ;(links[at] ?? currentTarget.querySelector('input')).focus()
  } else if (key === 'Enter' && target.matches('input')) {
    const isOfThis = currentTarget.querySelector('#found').dataset.asked === target.value.trim()
    if (!isOfThis || links.length === 0) return
    event.preventDefault()
    links[0].click()
  }
})

// Ticks all rows of the page.
for (const all of document.querySelectorAll('[data-all]')) {
  all.hidden = false
  all.addEventListener('change', () => {
    for (const box of all.form.querySelectorAll('tbody [name=id]')) box.checked = all.checked
  })
}

// Copies the command beside the button.
for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => {
    navigator.clipboard.writeText(button.parentElement.querySelector('pre').textContent).then(
      () => {
        button.textContent = 'Copied'
      },
      () => {
        button.textContent = 'Select it, and copy by hand'
      },
    )
  })
}
