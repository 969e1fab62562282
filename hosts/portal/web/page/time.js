// Times in the viewer's own zone. Without this script a page shows them in UTC.
for (const element of document.querySelectorAll('time[datetime]')) {
  const at = new Date(element.dateTime)
  if (Number.isNaN(at.getTime())) continue
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
