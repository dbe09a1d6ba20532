mod requests;
mod script;
mod tries;
