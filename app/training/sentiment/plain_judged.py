"""Plain sentences that nobody learns from, written one by one: what the generated ones are for."""

from typing import Final

from app.training.sentiment.labels import Label

_POSITIVE: Final = """\
not bad
not bad at all
Not bad at all, loved it
I didn't hate it
never boring
no complaints here
no problems at all, everything went well
Nothing to complain about, really.
the staff were friendly and the room was clean
The staff were kind and the room was spotless.
The food was delicious
I can't recommend it enough
would definitely recommend
Great phone, battery lasts two days
works perfectly
excellent service
quick delivery and well packed
very easy to use
I am happy
I am not sad
what a lovely day
isn't bad
this isn't terrible
this is not terrible at all
I could not be happier
couldn't be better
thank you so much!
love it
awesome
good
the best pizza in town
not the worst pizza I ever had
I love how comfortable these shoes are
The lecture was clear and well organised.
The doctor listened carefully and was kind
The software is fast, stable and well documented
It is not slow at all
it isn't expensive
cheap and reliable
wonderful neighbours, quiet street
I never had a problem with this car
not disappointed
far from bad
I won the prize!
we had so much fun
without doubt the finest meal I've had
my daughter laughed the whole afternoon
they fixed my bike in ten minutes and charged nothing
You guys rock
It has never crashed on me
Setting it up took two minutes, brilliant
The new version is a big improvement
Nobody was rude, not even once
I'd go again tomorrow
The baby finally sleeps through the night thanks to this pillow
honestly one of the nicest people I've met
Can't wait to come back!
it saved us hours of work
The garden smells of roses and the bench is in the shade, what more could one want
Well done everyone
I was afraid it would be dull. It wasn't!
no regrets
"""

_NEGATIVE: Final = """\
not good
not great
It was not good.
The food wasn't good
I don't like it
I do not like this at all
nothing special and far too dear
The staff were rude and the room was dirty
the soup was cold and tasteless
can't recommend this
I would not recommend it
The battery died after two days
It broke after a week
does not work
doesn't work at all, waste of money
terrible service
delivery took three weeks and the box was damaged
the app keeps crashing
hard to use and ugly
I am sad
I am not happy
I'm so angry right now
What a horrible day
hardly a masterpiece
could not be worse
thanks for nothing, really
hate it
awful
bad
the worst pizza in town
not the best pizza
these shoes hurt my feet
the lecture was confusing
we waited for hours and nobody came
the software is slow and buggy
too expensive
cheap and flimsy
noisy street, broken heating
I have had nothing but problems with this car
a bit disappointing
far from perfect
lost my keys
no fun at all
it was anything but relaxing
They forgot my birthday.
My order never came and nobody will tell me why
The milk had gone off
I slept badly because of the lift
she wasn't helpful in the slightest
don't bother
He shouted at my mother
I've been on hold for forty minutes
The instructions make no sense
Two of the four glasses were cracked
It looked nothing like the picture
you should be ashamed
My back aches after an hour on this chair
I regret buying it
They promised a refund and then went silent
the heating failed in January
I wanted to love it, but I can't
not worth a penny
"""

_NEUTRAL: Final = """\
The train leaves at nine.
I bought a table and two chairs.
The meeting is on Tuesday
What time do you open?
where is the nearest station?
My name is John.
The book has 300 pages.
She lives in Paris.
the hotel was fine but nothing special
ok
it was okay I guess
The colour is blue
neither here nor there
The shop is closed on Sundays.
Do you ship to Norway?
He has two sisters and a brother
Water boils at one hundred degrees.
I'll be there around six
The keys are on the kitchen table
How long does the battery last?
please forward this to Susan
it comes in three sizes
The museum is opposite the town hall
Our office moved to the third floor last year
Is breakfast included?
Average. Not more, not less.
Some people will like it, others won't
I have no opinion about it
The parcel weighs two kilos
they play on Friday evening
Add two eggs and a cup of flour
The film is about a fisherman
He works for a bank.
we took the early bus
Which adapter do I need?
The phone has a black case and a white cable
I had soup and a sandwich
It was built in 1912
My appointment is at half past three.
Can I pay by card?
the river flows through the town
As good as the old one, no better, no worse
"""

JUDGED: Final[tuple[tuple[str, Label], ...]] = (
    *((sentence, "positive") for sentence in _POSITIVE.splitlines()),
    *((sentence, "negative") for sentence in _NEGATIVE.splitlines()),
    *((sentence, "neutral") for sentence in _NEUTRAL.splitlines()),
)
