import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { basePath } from './api/base-path.ts';
import { App } from './app.tsx';

// The collector serves the page without its prefix as well, to those who come past the proxy: the page is at one place
// all the same.
const { pathname, search, hash } = location;
if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) {
  history.replaceState(null, '', basePath + pathname + search + hash);
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no element with the id "root"');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
