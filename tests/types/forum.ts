// A contract as a program writes it, with what its events carry and what answers them.
export interface Post {
  id: number;
  author: string;
  body: string;
}

export interface ClientEvents {
  submit_post: { data: { author: string; body: string }; reply: number };
  watch: { data: number; reply: null };
  typing: { data: null; reply: null };
  search: { data: string | null; reply: Post[] };
  sort: { data: { by: string } | undefined; reply: null };
}

export interface Forum {
  client: ClientEvents;
  server: {
    history: { data: Post[]; reply: null };
    post_update: { data: Post; reply: null };
    confirm: { data: { id: number }; reply: boolean };
    work: { data: null; reply: number; progress: number };
  };
}
