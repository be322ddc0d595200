import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Redirect, Route, Switch } from 'wouter';
import { AppBar } from './app-bar.tsx';
import { ExplorePage } from './explore/explore-page.tsx';
import { NotFoundPage } from './not-found-page.tsx';
import { ServicesPage } from './services/services-page.tsx';
import { SystemPage } from './system/system-page.tsx';
import { TracePage } from './trace/trace-page.tsx';

const queryClient = new QueryClient({
  // A collector on the same machine answers at once or is away; the pages say so and offer to ask again.
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } },
});

export function App() {
  return (
    <QueryClientProvider client={queryClient}>
      <AppBar />
      <main id="main">
        <Switch>
          <Route path="/">
            <Redirect to="/services" replace />
          </Route>
          <Route path="/services">
            <ServicesPage />
          </Route>
          <Route path="/explore">
            <ExplorePage />
          </Route>
          <Route path="/trace/:traceId">{({ traceId }) => <TracePage key={traceId} traceId={traceId} />}</Route>
          <Route path="/system">
            <SystemPage />
          </Route>
          <Route>
            <NotFoundPage />
          </Route>
        </Switch>
      </main>
    </QueryClientProvider>
  );
}
