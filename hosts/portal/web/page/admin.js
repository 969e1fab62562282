// What the pages for admins do besides what their HTML does without a script.

// A form says what it would do, 300 ms after the last change to it.
for (const form of document.querySelectorAll('form[data-changes]')) {
  let timer
  const look = () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      htmx.ajax('POST', form.action, {
        source: form,
        target: '#effect',
        select: '#effect',
        swap: 'outerHTML',
        selectOOB: '#confirm',
      })
    }, 300)
  }
  form.addEventListener('input', look)
}

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
