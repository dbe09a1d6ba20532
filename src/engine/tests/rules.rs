//! The six rules, one test each. That each test fails without its rule was tried by taking the rule out.
