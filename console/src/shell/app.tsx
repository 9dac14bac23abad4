import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { I18nProvider } from "react-aria-components/I18nProvider";
import { Route, Router, Switch } from "wouter";
import { passes } from "../api/problems.ts";
import { Button, ButtonLink } from "../parts/button.tsx";
import { Notice } from "../parts/notice.tsx";
import { ImportsScreen } from "../screens/imports/imports.tsx";
import { useWords, Words } from "../words/words.tsx";
import { Broken } from "./broken.tsx";
import { Gate } from "./gate.tsx";
import { useLocationAsking } from "./leaving.tsx";
import { Page } from "./page.tsx";
import { useLanguage } from "./preferences.ts";
import { Top } from "./top.tsx";

// What the list does not need comes when it is opened.
const FileStep = lazy(() => import("../screens/new-import/file-step.tsx"));
const CheckStep = lazy(() => import("../screens/new-import/check-step.tsx"));
const LeadRooms = lazy(() => import("../screens/leads/rooms.tsx"));
const OneImport = lazy(() => import("../screens/one-import/one-import.tsx"));

const calls = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      // Only what passes by itself is asked again by itself, with growing pauses of random length.
      retry: (count, error) => passes(error) && count < 2,
      retryDelay: (count) => 1_000 * 2 ** count * (0.5 + Math.random()),
      networkMode: "always",
      // With that mode it would not be: what failed while the connection was away is asked again when it is back.
      refetchOnReconnect: true,
    },
    mutations: { networkMode: "always" },
  },
});

export function App() {
  return (
    <Words>
      <Localised />
    </Words>
  );
}

function Localised() {
  const say = useWords();
  const broken = (
    <main id="content" className="page">
      <Notice
        kind="error"
        title={say("app.broken")}
        action={<Button onPress={() => location.reload()}>{say("app.reload")}</Button>}
      >
        {say("app.broken.text")}
      </Notice>
    </main>
  );
  return (
    <I18nProvider locale={useLanguage()}>
      <QueryClientProvider client={calls}>
        <Broken instead={broken}>
          <Gate>
            <Router base="/console" hook={useLocationAsking}>
              <Top />
              <Broken instead={broken}>
                <Suspense fallback={null}>
                  <Screens />
                </Suspense>
              </Broken>
            </Router>
          </Gate>
        </Broken>
      </QueryClientProvider>
    </I18nProvider>
  );
}

function Screens() {
  const say = useWords();
  return (
    <Switch>
      <Route path="/" component={ImportsScreen} />
      <Route path="/imports/new" component={FileStep} />
      <Route path="/imports/new/check" component={CheckStep} />
      <Route path="/leads/*?" component={LeadRooms} />
      <Route path="/imports/:id">{(params) => <OneImport params={params} />}</Route>
      <Route>
        <Page title={say("app.notFound")} actions={<ButtonLink to="/">{say("app.toImports")}</ButtonLink>}>
          <p className="quiet">{say("app.notFound.text")}</p>
        </Page>
      </Route>
    </Switch>
  );
}
