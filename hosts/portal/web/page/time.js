// Times in the viewer's own zone. Without this script a page shows them in UTC.
for (const element of document.querySelectorAll('time[datetime]')) {
  const at = new Date(element.dateTime)
  if (Number.isNaN(at.getTime())) continue
  element.title = element.textContent
  element.textContent = at.toLocaleString('en-GB', {
    year: 'numeric',
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    timeZoneName: 'short',
  })
}
