// Keeps a page for admins up to date by the stream that its live mark names. Nothing that has focus, is ticked or typed in
// is ever replaced, and no row moves: rows that came wait behind a link.
const mark = document.querySelector('#live')
const BEAT_MS = 15_000
let source
let lastAt = Date.now()

const timeText = () => new Date(lastAt).toLocaleTimeString('en-GB')
const icon = (name) => `<svg class="i" aria-hidden="true"><use href="/assets/icons.svg#${name}"/></svg>`

const showLive = () => {
  lastAt = Date.now()
  mark.className = 'live'
  mark.innerHTML = `${icon('on')}Live, ${timeText()}`
}

const showCut = (why) => {
  mark.className = 'live cut'
  mark.innerHTML = `${icon('warn')}<span role="status">Not live since ${timeText()}</span>. <a href="${location.pathname}${location.search}">Load the page anew</a>`
  if (why) mark.querySelector('span').textContent = `${why} Not live since ${timeText()}`
}

const isBusy = (element) =>
  element.contains(document.activeElement) ||
  element.querySelector('input:checked:not([type=hidden]), dialog[open], details[open], :popover-open') !== null ||
  [...element.querySelectorAll('input, textarea, select')].some(
    (field) => field.value !== field.defaultValue && field.type !== 'checkbox' && field.tagName !== 'SELECT',
  )

const fragment = (html) => {
  const template = document.createElement('template')
  template.innerHTML = html.trim()
  return template.content.firstElementChild
}

const showTimes = (element) => document.dispatchEvent(new CustomEvent('times', { detail: element }))

/** Puts a changed part in place: of a row only the cells that differ, of anything else the whole, unless somebody is busy in it. */
const replacePart = ({ id, html }) => {
  const old = document.getElementById(id)
  const fresh = fragment(html)
  if (old === null || fresh === null) return
  showTimes(fresh)
  if (old.tagName !== 'TR' || old.children.length !== fresh.children.length) {
    if (!isBusy(old)) old.replaceWith(fresh)
    return
  }
  for (const [at, cell] of [...old.children].entries()) {
    const other = fresh.children[at]
    if (cell.innerHTML === other.innerHTML || isBusy(cell)) continue
    other.classList.add('is-changed')
    cell.replaceWith(document.importNode(other, true))
  }
}

const strike = ({ id, text }) => {
  const row = document.getElementById(id)
  if (row === null || row.classList.contains('is-gone')) return
  if (row.tagName !== 'TR') return
  row.classList.add('is-gone')
  for (const box of row.querySelectorAll('input')) box.remove()
  const head = row.querySelector('th')
  const cells = [...row.children].slice([...row.children].indexOf(head) + 1)
  const span = document.createElement('td')
  span.className = 'full'
  span.colSpan = Math.max(1, cells.length)
  span.textContent = text
  for (const cell of cells) cell.remove()
  row.append(span)
  if (!text.startsWith('Deleted by you') && text.startsWith('Deleted'))
    toast(`${head.querySelector('a')?.textContent ?? 'A row'}: ${text}`)
}

const hold = ({ count }) => {
  const held = document.querySelector('#held')
  if (held === null) return
  held.hidden = count === 0
  held.querySelector('a').textContent =
    `${count} more ${count === 1 ? 'matches' : 'match'} or moved. Show them in their places`
}

const toast = (text) => {
  const box = document.createElement('div')
  box.className = 'toast'
  const said = document.createElement('p')
  said.textContent = text
  const away = document.createElement('button')
  away.type = 'button'
  away.className = 'bare'
  away.ariaLabel = 'Put this message away'
  away.innerHTML = icon('close')
  away.addEventListener('click', () => box.remove())
  box.append(said, away)
  document.querySelector('#toasts').append(box)
  setTimeout(() => {
    if (!box.matches(':hover, :focus-within')) box.remove()
  }, 8_000)
}

const EVENTS = {
  part: replacePart,
  gone: strike,
  held: hold,
  beat: () => undefined,
  stale: () => {
    // A page that differs each time it is rendered must not be loaded for ever.
    const isReloaded = performance.getEntriesByType('navigation')[0]?.type === 'reload' && performance.now() < BEAT_MS
    if (isReloaded || isBusy(document.querySelector('main'))) showCut('Changed meanwhile.')
    else location.reload()
  },
  end: ({ why }) => {
    source.close()
    source = undefined
    showCut(why)
  },
}

const open = () => {
  source = new EventSource(mark.dataset.stream)
  for (const [name, handle] of Object.entries(EVENTS)) {
    source.addEventListener(name, (event) => {
      if (name !== 'end') showLive()
      handle(JSON.parse(event.data))
    })
  }
}

open()
// A page that nobody sees costs the portal nothing.
document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    source?.close()
    source = undefined
  } else if (source === undefined) open()
})
addEventListener('pagehide', () => source?.close())
setInterval(() => {
  if (source !== undefined && Date.now() - lastAt > 2 * BEAT_MS) showCut()
}, 1_000)
