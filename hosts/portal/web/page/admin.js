// What the pages for admins do besides what their HTML does without a script.

// Keys: / goes to the search field, Ctrl K to the palette, Ctrl Enter saves.
document.addEventListener('keydown', (event) => {
  const isTyping = event.target.closest('input, textarea, select') !== null
  if (event.key === 'k' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault()
    document.querySelector('.find')?.click()
  } else if (event.key === 'Enter' && event.ctrlKey) {
    event.target.closest('form')?.requestSubmit(document.querySelector('button[name=save]'))
  } else if (event.key === '/' && !isTyping) {
    event.preventDefault()
    document.querySelector('#q')?.focus()
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
