import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { UI_PAGES } from '@throughline/trace/client';
import { Redirect, Route, Router, Switch } from 'wouter';
import { basePath } from './api/base-path.ts';
import { AppBar } from './app-bar.tsx';
import { ExplorePage } from './explore/explore-page.tsx';
import { NotFoundPage } from './not-found-page.tsx';
import { ServicesPage } from './services/services-page.tsx';
import { SystemPage } from './system/system-page.tsx';
import { TraceAt } from './trace-at.tsx';

const queryClient = new QueryClient({
  // A collector on the same machine responds at once or is unreachable; the pages say so and offer to retry.
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } },
});

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <Router base={basePath}>
        <AppBar />
        <main id="main">
          <Switch>
            <Route path={UI_PAGES.home}>
              <Redirect to={UI_PAGES.services} replace />
            </Route>
            <Route path={UI_PAGES.services}>
              <ServicesPage />
            </Route>
            <Route path={UI_PAGES.explore}>
              <ExplorePage />
            </Route>
            <Route path={UI_PAGES.trace}>{({ traceId }) => <TraceAt key={traceId} given={traceId} />}</Route>
            <Route path={UI_PAGES.system}>
              <SystemPage />
            </Route>
            <Route>
              <NotFoundPage />
            </Route>
          </Switch>
        </main>
      </Router>
    </QueryClientProvider>
  );
}
