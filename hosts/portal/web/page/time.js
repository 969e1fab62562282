// Times in the viewer's own zone. Without this script a page shows them in UTC.
const showLocally = (within) => {
  for (const element of within.querySelectorAll('time[datetime]')) showOne(element)
}

const showOne = (element) => {
  const at = new Date(element.dateTime)
  if (Number.isNaN(at.getTime())) return
  const utc = element.textContent
  const local = at.toLocaleString('en-GB', {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  })
  element.title = utc
  element.textContent = local
  // What a screen reader says of a button beside it is in the same zone.
  for (const button of element.closest('li')?.querySelectorAll('button[aria-label]') ?? []) {
    button.ariaLabel = button.ariaLabel.replace(utc, local)
  }
}

showLocally(document)
// Pieces of a page that come later ask for it by this event.
document.addEventListener('times', ({ detail }) => showLocally(detail))
