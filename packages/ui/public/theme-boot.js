// Runs before the first paint, so that a chosen theme never flashes; a file of its own, because the page's
// Content-Security-Policy refuses inline scripts. The key and values are those of src/theme/theme.ts.
(() => {
  try {
    const theme = localStorage.getItem('throughline.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be forbidden; the system's theme is used then.
  }
})();
